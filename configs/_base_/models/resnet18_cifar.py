# ResNet-18 for small images: 3 x 3 stem, no max-pooling; 11.2 M weights.
# Convolutions start Kaiming-normal (fan-out), the last BatchNorm of each block at zero, the
# classifier from N(0, 0.01).
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="ResNet_CIFAR",
        depth=18,
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="_BatchNorm", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=100,
        in_channels=512,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
