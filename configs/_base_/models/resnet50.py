# ResNet-50 for images of 224 x 224; 25.6 M weights with 1000 classes.
_base_ = "./resnet18.py"

model = dict(backbone=dict(depth=50), head=dict(in_channels=2048))
