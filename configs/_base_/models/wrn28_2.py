# WideResNet-28-2, 1.5 M weights, in the variant of the semi-supervised literature (MixMatch,
# FixMatch): leaky ReLU, slowly moving statistics.
# Convolutions start Kaiming-normal (fan-out), the classifier from N(0, 0.01). Blocks end in a
# convolution, so there is no last BatchNorm to start at zero.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="WideResNet",
        depth=28,
        widen_factor=2,
        activate_shortcut=(True, False, False),
        norm_cfg=dict(type="BN", momentum=0.001, eps=0.001),
        act_cfg=dict(type="LeakyReLU", negative_slope=0.1, inplace=True),
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="_BatchNorm", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=10,
        in_channels=128,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
