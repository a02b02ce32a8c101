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
published = "imagenet"
