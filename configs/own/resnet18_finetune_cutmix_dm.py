# ResNet-18 with pretrained weights on images of your own, 224 x 224: CutMix with DM(CE). Those of
# ImageNet are fetched, or --weights FILE names others.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/own.py",
    "../_base_/models/resnet18_pretrained.py",
    "../_base_/schedules/sgd_own_finetune_30e.py",
    "../_base_/mixups/cutmix.py",
    "../_base_/objectives/dm_ce.py",
]

model = dict(
    mixup={{_base_.mixup}},
    head=dict(loss={{_base_.objective}}),
)
default_hooks = dict(checkpoint=dict(interval=5, save_best="accuracy/top1"))
images_to_see = 100_000  # with --data: epochs for the size of the folder, 20 to 300
