# Self-Tuning of a ResNet-50 with ImageNet weights on FGVC-Aircraft, 15 % of the labels.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/fgvc_aircraft.py",
    "../../_base_/models/resnet50.py",
    "../../_base_/schedules/sgd_transfer_27k.py",
]

model = dict(
    type="SelfTuning",
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth",
            prefix="backbone.",
        )
    ),
    head=dict(num_classes={{_base_.num_classes}}),
)
default_hooks = dict(checkpoint=dict(interval=6, save_best="accuracy/top1"))
