# ResNet-50 for small images: 3 x 3 stem, no max-pooling; 23.7 M weights. Starts as resnet18_cifar.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="ResNet_CIFAR",
        depth=50,
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="_BatchNorm", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=100,
        in_channels=2048,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
