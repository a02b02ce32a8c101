# Self-Tuning of a ResNet-18 with ImageNet weights on CUB-200-2011: the paper's ablation of the
# asymmetrical strategy.
_base_ = [
    "../../_base_/default_runtime.py",
    "../../_base_/datasets/semi/cub200.py",
    "../../_base_/models/resnet18.py",
    "../../_base_/schedules/sgd_transfer_27k.py",
]

model = dict(
    type="SelfTuning",
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth",
            prefix="backbone.",
        )
    ),
    head=dict(num_classes={{_base_.num_classes}}),
)
default_hooks = dict(checkpoint=dict(interval=6, save_best="accuracy/top1"))
