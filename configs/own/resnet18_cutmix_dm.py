# ResNet-18 from scratch on images of your own, 224 x 224: CutMix with DM(CE).
_base_ = ["./resnet18.py", "../_base_/mixups/cutmix.py", "../_base_/objectives/dm_ce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
