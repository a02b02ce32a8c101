# ResNet-18 for images of 224 x 224, with the weights that mmpretrain trained on ImageNet.
_base_ = "./resnet18.py"

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth",
            prefix="backbone.",
        )
    )
)
