# Swin-T on ImageNet-1k after the recipe of DeiT, 300 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/imagenet_deit.py",
    "../_base_/models/swin_tiny.py",
    "../_base_/schedules/adamw_deit_300e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=10))
