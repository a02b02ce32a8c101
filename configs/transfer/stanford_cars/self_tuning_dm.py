# Self-Tuning + DM on Stanford Cars, 15 % of the labels.
_base_ = "./self_tuning.py"

model = dict(stream_mix=dict(mixup=dict(type="Mixup", alpha=0.2)))
