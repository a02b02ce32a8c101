"""CIFAR-100 with vision transformers (at 224) and ConvNeXt-T (at 32), 200 and 600 epochs.

"mixup_cutmix" is the recipe of DeiT as it is, "mixup_transmix" DeiT with TransMix, "none" the
recipe without a mix (the paper does not say how much else its vanilla rows leave out).
"""

recipes = {"deit_s": "cifar100/deit_small.py", "convnext_t": "cifar100/convnext_tiny.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["none", "mixup", "cutmix", "mixup_cutmix", "mixup_transmix"],
    objective=["mce", "dm_ce"],
    epochs=[200, 600],
    seed=[0, 1, 2],
)
exclude = [
    dict(mixup=["none", "mixup", "cutmix", "mixup_transmix"], objective="dm_ce"),
    dict(recipe="convnext_t", mixup=["mixup", "cutmix", "mixup_transmix"]),
]
baseline = dict(mixup="mixup_cutmix", objective="mce")

published_by = ("recipe", "mixup", "objective", "epochs")
published = {
    "deit_s": {
        "none": dict(mce=(65.81, 68.50)),
        "mixup": dict(mce=(69.98, 76.35)),
        "cutmix": dict(mce=(74.12, 79.54)),
        "mixup_cutmix": dict(mce=(75.92, 79.38), dm_ce=(76.20, 79.92)),
        "mixup_transmix": dict(mce=(76.17, 79.33)),
    },
    "convnext_t": {
        "none": dict(mce=(78.70, 80.65)),
        "mixup_cutmix": dict(mce=(83.09, 84.12), dm_ce=(83.44, 84.49)),
    },
}
