# FlexMatch on images of your own, 96 x 96, of which few have labels, ResNet-18 from scratch:
# dmmix train own/flexmatch --data FOLDER (with a folder unlabelled), or --labels-per-class 10
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/semi/own.py",
    "../_base_/models/resnet18.py",
    "../_base_/schedules/sgd_fixmatch.py",
]

model = dict(type="FlexMatch")
param_scheduler = dict(T_max=60)
train_cfg = dict(max_epochs=60, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=10, save_best="accuracy/top1"))
