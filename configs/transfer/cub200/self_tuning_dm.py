# Self-Tuning + DM on CUB-200-2011, 15 % of the labels.
_base_ = ["./self_tuning.py", "../../_base_/mixups/mixup.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}))
