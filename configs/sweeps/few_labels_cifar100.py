"""CIFAR-100, ResNet-18, with 15, 30 and 50 % of the labels; vanilla, MCE and DM(CE).

The paper does not say how long these rows were trained: the length is our choice. One split a
fraction, the same for all cells and seeds: axes may have subset_seed=[0, 1, ...].
"""

recipes = {"r18": "cifar100/resnet18.py"}
axes = dict(
    label_fraction=[0.15, 0.3, 0.5],
    mixup=["none", "mixup", "cutmix", "saliencymix", "puzzlemix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
exclude = [dict(mixup="none", objective="dm_ce")]  # nothing is mixed, so nothing to decouple
baseline = dict(objective="mce")

published_by = ("mixup", "objective", "label_fraction")
published_note = """
    the paper does not state the number of epochs of these rows; the 800 of these cells are our
    choice.
"""
published = {
    "none": dict(mce=(42.48, 56.41, 64.32)),
    "mixup": dict(mce=(42.23, 55.61, 64.55), dm_ce=(44.39, 56.78, 65.92)),
    "cutmix": dict(mce=(43.81, 55.99, 64.38), dm_ce=(44.85, 57.14, 65.87)),
    "saliencymix": dict(mce=(42.95, 55.42, 64.56), dm_ce=(44.01, 56.51, 66.10)),
    "puzzlemix": dict(mce=(42.67, 56.19, 64.74), dm_ce=(43.87, 57.36, 66.26)),
}
