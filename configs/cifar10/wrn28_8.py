# WideResNet-28-8 on CIFAR-10, 400 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/models/wrn28_8.py",
    "../_base_/schedules/sgd_wrn_400e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
