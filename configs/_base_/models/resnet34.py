# ResNet-34 for images of 224 x 224; 21.8 M weights with 1000 classes.
_base_ = "./resnet18.py"

model = dict(backbone=dict(depth=34))
