# ResNeXt-50 (32x4d) for images of 224 x 224, with the weights that mmpretrain trained on ImageNet.
_base_ = "./resnext50.py"

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnext/resnext50_32x4d_b32x8_imagenet_20210429-56066e27.pth",
            prefix="backbone.",
        )
    )
)
