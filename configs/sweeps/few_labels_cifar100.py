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
published = "few_labels_cifar100"
