# FixMatch + DM on CIFAR-10 with 250 labels.
_base_ = "./fixmatch.py"

model = dict(stream_mix=dict(mixup=dict(type="Mixup", alpha=0.2)))
