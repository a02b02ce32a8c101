"""Dynamic mixes, alone and switched with a static Mixup or CutMix ("+RSB"), MCE against DM(CE)."""

recipes = {"c100_wrn": "cifar100/wrn28_8.py", "tiny_rx50": "tiny_imagenet/resnext50.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["puzzlemix", "puzzlemix_switched"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")

published_by = ("mixup", "recipe", "objective")
published_note = """
    the paper switches at probability .5 and does not say how the static half is split, nor
    which eta goes with a choice of both kinds; these cells have a quarter Mixup, a quarter
    CutMix, and the eta of the dynamic mix.
"""
published = {
    "puzzlemix": ((85.02, 85.25), (67.83, 68.04)),
    "puzzlemix_switched": ((85.24, 85.61), (68.17, 68.86)),
    "automix": ((85.18, 85.38), (70.72, 71.56)),
    "automix_switched": ((85.35, 85.54), (70.98, 72.37)),
}
