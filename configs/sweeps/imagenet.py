"""ImageNet-1k in PyTorch's style, 100 epochs, MCE against DM(CE).

The paper's figure 3 shows 77.50 where its table has 77.41 (ResNet-50, Mixup, DM).
"""

recipes = {
    "r18": "imagenet/resnet18.py",
    "r34": "imagenet/resnet34.py",
    "r50": "imagenet/resnet50.py",
}
axes = dict(
    recipe=list(recipes),
    mixup=[
        *["none", "mixup", "cutmix", "manifoldmix", "fmix", "resizemix", "saliencymix"],
        "puzzlemix",
    ],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
exclude = [dict(mixup="none", objective="dm_ce")]  # nothing is mixed, so nothing to decouple
baseline = dict(objective="mce")

published_by = ("mixup", "recipe", "objective")
published = {
    "none": ((70.04, None), (73.85, None), (76.83, None)),
    "mixup": ((69.98, 70.20), (73.97, 74.26), (77.12, 77.41)),
    "cutmix": ((68.95, 69.26), (73.58, 73.88), (77.07, 77.32)),
    "manifoldmix": ((69.98, 70.33), (73.98, 74.25), (77.01, 77.30)),
    "fmix": ((69.96, 70.26), (74.08, 74.34), (77.19, 77.38)),
    "resizemix": ((69.50, 69.90), (73.88, 74.00), (77.42, 77.65)),
    "saliencymix": ((69.16, 69.57), (73.56, 73.92), (77.14, 77.42)),
    "puzzlemix": ((70.12, 70.32), (74.26, 74.51), (77.54, 77.71)),
    "automix": ((70.51, 70.64), (74.52, 74.77), (77.91, 78.15)),
    "samix": ((70.85, 70.90), (74.96, 75.10), (78.11, 78.36)),
}
