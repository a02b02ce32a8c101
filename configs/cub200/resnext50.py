# ResNeXt-50 (32x4d) with ImageNet weights on CUB-200-2011, 200 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cub200.py",
    "../_base_/models/resnext50_pretrained.py",
    "../_base_/schedules/sgd_finetune_200e.py",
]

model = dict(
    head=dict(num_classes={{_base_.num_classes}}),
)
default_hooks = dict(checkpoint=dict(interval=20))
