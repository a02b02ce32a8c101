# ResNet-18 on CIFAR-10, 800 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar10.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_cifar_800e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
