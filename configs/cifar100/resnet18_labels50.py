# ResNet-18 on 50 % of the labels of CIFAR-100, no mixing.
_base_ = "./resnet18.py"

train_dataloader = dict(dataset=dict(subset=dict(label_fraction=0.5, seed=0)))
