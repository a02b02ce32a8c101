# EfficientNet-Lite0 as timm has it (pip install timm); 4.7 M weights with 1000 classes.
model = dict(
    type="MixupClassifier",
    backbone=dict(type="TIMMBackbone", model_name="efficientnet_lite0"),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="DMLinearClsHead",
        num_classes=1000,
        in_channels=1280,
        loss=dict(type="MixupCrossEntropyLoss"),
        init_cfg=dict(type="Normal", layer="Linear", std=0.01),
    ),
)
