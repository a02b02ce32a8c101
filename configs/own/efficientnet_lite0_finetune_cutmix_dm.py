# EfficientNet-Lite0 with pretrained weights on images of your own, 128 x 128: CutMix with DM(CE).
# timm fetches those of ImageNet, or --weights FILE names others.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/own.py",
    "../_base_/models/efficientnet_lite0.py",
    "../_base_/schedules/sgd_own_finetune_30e.py",
    "../_base_/mixups/cutmix.py",
    "../_base_/objectives/dm_ce.py",
]

model = dict(
    backbone=dict(pretrained=True),
    mixup={{_base_.mixup}},
    head=dict(loss={{_base_.objective}}),
)
data_preprocessor = dict(mean=[127.0] * 3, std=[128.0] * 3)  # as its weights were trained
train_dataloader = dict(dataset=dict(size=128))
val_dataloader = dict(dataset=dict(size=128))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=5, save_best="accuracy/top1"))
images_to_see = 100_000  # with --data: epochs for the size of the folder, 20 to 300
