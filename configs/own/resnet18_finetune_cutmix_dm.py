# ResNet-18 with pretrained weights on images of your own, 224 x 224: CutMix with DM(CE). Those of
# ImageNet are fetched, or --weights FILE names others (mmpretrain's, torchvision's, of dmmix).
_base_ = "./resnet18_cutmix_dm.py"

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
optim_wrapper = dict(optimizer=dict(lr=0.01))
images_to_see = 100_000
