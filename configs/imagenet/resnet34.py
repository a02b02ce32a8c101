# ResNet-34 on ImageNet-1k as in PyTorch's examples, 100 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/imagenet.py",
    "../_base_/models/resnet34.py",
    "../_base_/schedules/sgd_imagenet_100e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=5))
