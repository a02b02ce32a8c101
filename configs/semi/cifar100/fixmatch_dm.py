# FixMatch + DM on CIFAR-100 with 400 labels.
_base_ = "./fixmatch.py"

model = dict(stream_mix=dict(mixup=dict(type="Mixup", alpha=0.2)))
