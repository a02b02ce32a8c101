# ResNet-18 for images of 224 x 224; 11.7 M weights with 1000 classes. Starts as resnet18_cifar.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="ResNet",
        depth=18,
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="_BatchNorm", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=1000,
        in_channels=512,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
