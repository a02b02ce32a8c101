# CutMix with the plain mixup loss.
_base_ = ["./digits_vanilla.py", "../_base_/mixups/cutmix.py", "../_base_/objectives/mce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
