# FixMatch on Fashion-MNIST, 40 labels, small network: 3000 updates, 5 to 10 minutes on a core.
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
param_scheduler = dict(T_max=15)
train_cfg = dict(max_epochs=15, val_interval=1)
custom_hooks = [dict(type="EMAHook", momentum=5e-3, update_buffers=True)]
default_hooks = dict(checkpoint=dict(interval=5))
