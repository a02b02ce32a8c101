# ResNet-18 with a 3 x 3 stem on Tiny-ImageNet at 64 x 64, 400 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/tiny_imagenet.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_tiny_400e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=20))
