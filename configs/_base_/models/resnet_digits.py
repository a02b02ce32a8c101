# A ResNet for 8 x 8 images: three stages of two basic blocks, 16 to 64 channels, 175 k weights.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="ResNet_CIFAR",
        depth=18,
        in_channels=1,
        stem_channels=16,
        base_channels=16,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
        style="pytorch",
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
            dict(type="Constant", layer="BatchNorm2d", val=1),
        ],
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=10,
        in_channels=64,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
