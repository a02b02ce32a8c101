# ConvNeXt-T for images of 224 x 224, 28.6 M weights with 1000 classes. Label smoothing is a part of
# the recipe and belongs to the loss.
# Normal weights are cut off at five deviations: mmengine's bounds, a hundred deviations out, let a
# weight of exactly 2 or -2 through in some ten million draws.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="ConvNeXt",
        arch="tiny",
        drop_path_rate=0.1,
        init_cfg=[
            dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, a=-0.1, b=0.1, bias=0.0),
            dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
        ],
    ),
    neck=None,
    head=dict(
        type="DMLinearClsHead",
        num_classes=1000,
        in_channels=768,
        loss=dict(type="MixupCrossEntropyLoss", label_smoothing=0.1),
        init_cfg=dict(type="TruncNormal", layer="Linear", std=0.02, a=-0.1, b=0.1),
    ),
)
