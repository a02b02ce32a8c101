# ResNet-50 on ImageNet-1k after "ResNet strikes back", A3: 100 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/imagenet_rsb_a3.py",
    "../_base_/models/resnet50_rsb_a3.py",
    "../_base_/schedules/lamb_rsb_a3_100e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
default_hooks = dict(checkpoint=dict(interval=5))
