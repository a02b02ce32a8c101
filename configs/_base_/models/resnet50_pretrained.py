# ResNet-50 for images of 224 x 224, with the weights that mmpretrain trained on ImageNet.
_base_ = "./resnet50.py"

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth",
            prefix="backbone.",
        )
    )
)
