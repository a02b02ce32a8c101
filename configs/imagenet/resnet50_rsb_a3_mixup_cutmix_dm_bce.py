# ResNet-50 on ImageNet-1k, "ResNet strikes back" A3: Mixup or CutMix with DM(BCE).
_base_ = [
    "./resnet50_rsb_a3.py",
    "../_base_/mixups/mixup_cutmix_rsb.py",
    "../_base_/objectives/dm_bce.py",
]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
