# ResNet-18 on 15 % of the labels of CIFAR-100, no mixing.
_base_ = "./resnet18.py"

train_dataloader = dict(dataset=dict(subset=dict(label_fraction=0.15, seed=0)))
