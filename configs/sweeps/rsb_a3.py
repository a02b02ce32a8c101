"""ImageNet-1k, ResNet-50 after "ResNet strikes back" A3: five objectives.

Mixup and CutMix switched keep the alphas of the recipe (0.1 and 1) under every objective; the
others follow the rules of dmmix/experiments/paper.py.
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

published_by = ("mixup", "objective")
published = {
    "mixup": (76.01, 76.69, 77.66, 77.42, 78.28),
    "cutmix": (76.47, 77.22, 77.62, 67.54, 78.21),
    "manifoldmix": (76.14, 76.93, 77.78, 67.78, 78.20),
    "fmix": (76.09, 76.87, 77.76, 73.44, 78.11),
    "resizemix": (76.90, 77.21, 77.85, 77.30, 78.32),
    "saliencymix": (76.85, 77.25, 77.93, 72.74, 78.24),
    "puzzlemix": (77.27, 77.60, 78.02, 77.19, 78.15),
    "automix": (77.45, 77.82, 78.33, 77.46, 78.62),
    "samix": (78.33, 78.45, 78.64, 77.58, 78.75),
    "mixup_cutmix": (76.49, 77.72, 78.08, 76.95, 78.43),
}
