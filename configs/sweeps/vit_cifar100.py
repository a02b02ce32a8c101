"""CIFAR-100 with vision transformers (at 224) and ConvNeXt-T (at 32), 200 and 600 epochs.

"mixup_cutmix" is the recipe of DeiT as it is, "mixup_transmix" DeiT with TransMix, "none" the
recipe without a mix (the paper does not say how much else its vanilla rows leave out).
"""

recipes = {"deit_s": "cifar100/deit_small.py", "convnext_t": "cifar100/convnext_tiny.py"}
_others = [
    *["none", "mixup", "cutmix", "smoothmix", "saliencymix", "attentivemix", "fmix", "gridmix"],
    *["resizemix", "puzzlemix", "mixup_transmix"],
]
axes = dict(
    recipe=list(recipes),
    mixup=["mixup_cutmix", *_others],
    objective=["mce", "dm_ce"],
    epochs=[200, 600],
    seed=[0, 1, 2],
)
exclude = [
    dict(mixup=_others, objective="dm_ce"),
    dict(recipe="convnext_t", mixup="mixup_transmix"),  # it has no attention
    dict(recipe="deit_s", mixup="attentivemix"),  # it asks for a feature map, which a token is not
]
baseline = dict(mixup="mixup_cutmix", objective="mce")

published_by = ("recipe", "mixup", "objective", "epochs")
published_note = """
    the alpha of each mix is not stated for these networks, so the cells have those of the
    CIFAR-100 ResNets; the paper's "AttentiveMix+" takes its attention from elsewhere than
    AttentiveMix here, which asks the network that is trained.
"""
published = {
    "deit_s": {
        "none": dict(mce=(65.81, 68.50)),
        "mixup": dict(mce=(69.98, 76.35)),
        "cutmix": dict(mce=(74.12, 79.54)),
        "mixup_cutmix": dict(mce=(75.92, 79.38), dm_ce=(76.20, 79.92)),
        "smoothmix": dict(mce=(67.54, 80.25)),
        "saliencymix": dict(mce=(69.78, 76.60)),
        "attentivemix": dict(mce=(75.98, 80.33)),
        "fmix": dict(mce=(70.41, 74.31)),
        "gridmix": dict(mce=(68.86, 74.96)),
        "resizemix": dict(mce=(68.45, 71.95)),
        "puzzlemix": dict(mce=(73.60, 81.01)),
        "automix": dict(mce=(76.24, 80.91)),
        "samix": dict(mce=(77.94, 82.49)),
        "mixup_transmix": dict(mce=(76.17, 79.33)),
        "mixup_tokenmix": dict(mce=(76.25, 79.57)),
    },
    "convnext_t": {
        "none": dict(mce=(78.70, 80.65)),
        "mixup": dict(mce=(81.13, 83.08)),
        "cutmix": dict(mce=(82.46, 83.20)),
        "mixup_cutmix": dict(mce=(83.09, 84.12), dm_ce=(83.44, 84.49)),
        "smoothmix": dict(mce=(78.87, 81.31)),
        "saliencymix": dict(mce=(82.82, 83.03)),
        "attentivemix": dict(mce=(82.59, 83.04)),
        "fmix": dict(mce=(81.79, 82.29)),
        "gridmix": dict(mce=(79.53, 79.66)),
        "resizemix": dict(mce=(82.53, 82.91)),
        "puzzlemix": dict(mce=(82.29, 84.17)),
        "automix": dict(mce=(83.30, 84.79)),
        "samix": dict(mce=(83.56, 84.98)),
    },
}
