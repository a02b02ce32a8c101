# DeiT-S on CIFAR-100 scaled up to 224 x 224, 200 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar100_deit_224.py",
    "../_base_/models/deit_small.py",
    "../_base_/schedules/adamw_cifar_200e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
