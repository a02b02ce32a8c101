# WideResNet-28-10, 36.5 M weights, as Zagoruyko has it (no dropout). Starts as wrn28_8.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="WideResNet",
        depth=28,
        widen_factor=10,
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="_BatchNorm", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=100,
        in_channels=640,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
