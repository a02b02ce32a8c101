# ConvNeXt-T on CIFAR-10 at 32 x 32, 200 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar10_deit.py",
    "../_base_/models/convnext_tiny_cifar.py",
    "../_base_/schedules/adamw_cifar_200e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
