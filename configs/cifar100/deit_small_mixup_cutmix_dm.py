# DeiT-S on CIFAR-100: Mixup or CutMix with DM(CE); label smoothing stays.
_base_ = ["./deit_small.py", "../_base_/mixups/mixup_cutmix.py", "../_base_/objectives/dm_ce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
