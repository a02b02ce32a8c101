# ResNet-18 on CIFAR-100, 200 epochs (of the ablations), no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar100.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_cifar_200e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
