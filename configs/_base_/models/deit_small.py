# DeiT-S without distillation, 224 x 224, patches of 16; 22.1 M weights with 1000 classes. Label
# smoothing is a part of the recipe and belongs to the loss.
# Attention and classifier start from N(0, 0.02), the other layers of a block as in ViT (Xavier).
# Normal weights are cut off at five deviations: mmengine's bounds, a hundred deviations out, let a
# weight of exactly 2 or -2 through in some ten million draws.
model = dict(
    type="MixupClassifier",
    backbone=dict(
        type="VisionTransformer",
        arch="deit-small",
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1,
    ),
    neck=None,
    head=dict(
        type="DMVisionTransformerClsHead",
        num_classes=1000,
        in_channels=384,
        loss=dict(type="MixupCrossEntropyLoss", label_smoothing=0.1),
        init_cfg=dict(type="TruncNormal", layer="Linear", std=0.02, a=-0.1, b=0.1),
    ),
    init_cfg=[
        dict(type="TruncNormal", layer="Linear", std=0.02, a=-0.1, b=0.1, bias=0.0),
        dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
    ],
)
