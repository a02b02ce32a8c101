# Self-Tuning of a ResNet-50 with ImageNet weights on FGVC-Aircraft, 15 % of the labels.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/fgvc_aircraft.py",
    "../../_base_/models/resnet50_pretrained.py",
    "../../_base_/schedules/sgd_transfer_27k.py",
]

model = dict(
    type="SelfTuning",
    head=dict(num_classes={{_base_.num_classes}}),
)
default_hooks = dict(checkpoint=dict(interval=6, save_best="accuracy/top1"))
