# ResNet-18 on CIFAR-100: CutMix with DM(CE).
_base_ = ["./resnet18.py", "../_base_/mixups/cutmix.py", "../_base_/objectives/dm_ce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
