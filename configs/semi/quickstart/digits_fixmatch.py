# FixMatch on the digits with 10 labels in all, one a class: 1200 updates, about a minute.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/digits.py",
    "../../_base_/models/resnet_digits.py",
    "../../_base_/schedules/sgd_fixmatch.py",
]

model = dict(type="FixMatch")
param_scheduler = dict(T_max=30)
train_cfg = dict(max_epochs=30, val_interval=5)
# An average over the last hundreds of updates: that of the long trainings would begin in the past.
custom_hooks = [dict(type="EMAHook", momentum=1e-2, update_buffers=True)]
default_hooks = dict(logger=dict(interval=40), checkpoint=dict(interval=30))
