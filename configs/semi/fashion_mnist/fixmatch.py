# FixMatch on Fashion-MNIST with 40 labels and a small network: 6000 updates, for two cores.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/fashion_mnist_npz.py",
    "../../_base_/models/resnet_digits.py",
    "../../_base_/schedules/sgd_fixmatch.py",
]

model = dict(
    type="FixMatch",
    backbone=dict(strides=(2, 2, 2)),
    head=dict(num_classes={{_base_.num_classes}}),
)
param_scheduler = dict(T_max=30)
train_cfg = dict(max_epochs=30, val_interval=2)
custom_hooks = [dict(type="EMAHook", momentum=5e-3, update_buffers=True)]
default_hooks = dict(checkpoint=dict(interval=10))
