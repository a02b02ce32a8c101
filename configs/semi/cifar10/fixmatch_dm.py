# FixMatch + DM on CIFAR-10 with 250 labels.
_base_ = ["./fixmatch.py", "../../_base_/mixups/mixup.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}))
