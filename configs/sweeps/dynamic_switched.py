"""Dynamic mixes, alone and switched with a static Mixup or CutMix ("+RSB"), MCE against DM(CE)."""

recipes = {"c100_wrn": "cifar100/wrn28_8.py", "tiny_rx50": "tiny_imagenet/resnext50.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["puzzlemix", "puzzlemix_switched"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")
published = "dynamic_switched"
