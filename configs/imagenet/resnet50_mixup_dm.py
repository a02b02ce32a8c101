# ResNet-50 on ImageNet-1k: Mixup with DM(CE).
_base_ = ["./resnet50.py", "../_base_/mixups/mixup.py", "../_base_/objectives/dm_ce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
