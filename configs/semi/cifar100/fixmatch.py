# FixMatch on CIFAR-100 with 400 labels, WideResNet-28-8, 2^20 updates.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/cifar100.py",
    "../../_base_/models/wrn28_8.py",
    "../../_base_/schedules/sgd_fixmatch.py",
]

model = dict(type="FixMatch")
optim_wrapper = dict(optimizer=dict(weight_decay=1e-3))
default_hooks = dict(checkpoint=dict(interval=16, save_best="accuracy/top1"))
