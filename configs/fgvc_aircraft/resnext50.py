# ResNeXt-50 (32x4d) with ImageNet weights on FGVC-Aircraft, 200 epochs, no mixing.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/fgvc_aircraft.py",
    "../_base_/models/resnext50.py",
    "../_base_/schedules/sgd_finetune_200e.py",
]

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnext/resnext50_32x4d_b32x8_imagenet_20210429-56066e27.pth",
            prefix="backbone.",
        )
    ),
    head=dict(num_classes={{_base_.num_classes}}),
)
default_hooks = dict(checkpoint=dict(interval=20))
