# ResNet-18 on 30 % of the labels of CIFAR-100, no mixing.
_base_ = "./resnet18.py"

train_dataloader = dict(dataset=dict(subset=dict(label_fraction=0.3, seed=0)))
