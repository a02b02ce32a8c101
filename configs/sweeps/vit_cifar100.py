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
published = "vit_cifar100"
