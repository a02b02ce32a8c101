"""ImageNet-1k with the recipe of DeiT, 300 epochs, MCE against DM(CE)."""

recipes = {"deit_s": "imagenet/deit_small.py", "swin_t": "imagenet/swin_tiny.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["mixup", "cutmix", "fmix", "resizemix", "saliencymix", "puzzlemix", "mixup_cutmix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")
published = "deit"
