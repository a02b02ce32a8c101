# ResNet-50 of "ResNet strikes back": with stochastic depth.
_base_ = "./resnet50.py"

model = dict(backbone=dict(drop_path_rate=0.05))
