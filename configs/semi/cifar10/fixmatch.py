# FixMatch on CIFAR-10 with 250 labels, WideResNet-28-2, 2^20 updates.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/cifar10.py",
    "../../_base_/models/wrn28_2.py",
    "../../_base_/schedules/sgd_fixmatch.py",
]

model = dict(type="FixMatch")
default_hooks = dict(checkpoint=dict(interval=16, save_best="accuracy/top1"))
