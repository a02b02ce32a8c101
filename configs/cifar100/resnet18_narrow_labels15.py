# A small ResNet-18 on 15 % of the labels of CIFAR-100, 80 epochs, no mixing: 24 channels in the
# place of 64 and half of the resolution from the first stage on (1.6 M weights), in bfloat16, so
# that two cores train it in minutes.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar100_npz.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_cifar_200e.py",
]

model = dict(
    backbone=dict(stem_channels=24, base_channels=24, strides=(2, 2, 2, 2)),
    head=dict(in_channels=192),
)
train_dataloader = dict(dataset=dict(subset=dict(label_fraction=0.15, seed=0)))
param_scheduler = dict(T_max=80)
train_cfg = dict(max_epochs=80, dynamic_intervals=[(72, 1)])
default_hooks = dict(checkpoint=dict(interval=10))
step = dict(precision="bf16")
