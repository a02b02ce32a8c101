"""ImageNet-1k with the recipe of DeiT, 300 epochs, MCE against DM(CE)."""

recipes = {"deit_s": "imagenet/deit_small.py", "swin_t": "imagenet/swin_tiny.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["mixup", "cutmix", "fmix", "resizemix", "saliencymix", "puzzlemix", "mixup_cutmix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")

published_by = ("mixup", "recipe", "objective")
published = {
    "mixup": ((79.65, 80.04), (80.71, 80.97)),
    "cutmix": ((79.78, 80.20), (80.83, 81.05)),
    "fmix": ((79.41, 79.89), (80.37, 80.54)),
    "resizemix": ((79.93, 80.03), (80.94, 81.01)),
    "saliencymix": ((79.32, 79.86), (80.68, 80.83)),
    "puzzlemix": ((79.84, 80.25), (81.03, 81.16)),
    "automix": ((80.78, 80.91), (81.80, 81.92)),
    "samix": ((80.94, 81.12), (81.87, 81.97)),
    "mixup_cutmix": ((79.80, 80.37), (81.28, 81.49)),
}
