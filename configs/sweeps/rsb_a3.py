"""ImageNet-1k, ResNet-50 after "ResNet strikes back" A3: five objectives.

Mixup and CutMix switched keep the alphas of the recipe (0.1 and 1) under every objective; the
others follow the rules of dmmix/experiments/paper.
"""

recipes = {"rsb_a3": "imagenet/resnet50_rsb_a3.py"}
axes = dict(
    mixup=[
        *["mixup", "cutmix", "manifoldmix", "fmix", "resizemix", "saliencymix", "puzzlemix"],
        "mixup_cutmix",
    ],
    objective=["mce", "dm_ce", "mbce", "two_hot", "dm_bce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mbce")
published = "rsb_a3"
