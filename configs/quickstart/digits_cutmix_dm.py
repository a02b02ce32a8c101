# CutMix with DM(CE): the objective is all that changes.
_base_ = ["./digits_vanilla.py", "../_base_/mixups/cutmix.py", "../_base_/objectives/dm_ce.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
