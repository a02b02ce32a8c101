# ResNet-50 for small images: 3 x 3 stem, no max-pooling; 23.7 M weights.
_base_ = "./resnet18_cifar.py"

model = dict(backbone=dict(depth=50), head=dict(in_channels=2048))
