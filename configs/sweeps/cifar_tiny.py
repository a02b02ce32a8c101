"""CIFAR-100 and Tiny-ImageNet, MCE against DM(CE): the paper's main supervised table.

Published: median top-1 of the last 10 epochs, mean of 3 trials, no deviation.
"""

recipes = {
    "c100_r18": "cifar100/resnet18.py",
    "c100_rx50": "cifar100/resnext50.py",
    "c100_wrn": "cifar100/wrn28_8.py",
    "tiny_r18": "tiny_imagenet/resnet18.py",
    "tiny_rx50": "tiny_imagenet/resnext50.py",
}
axes = dict(
    recipe=list(recipes),
    mixup=["mixup", "cutmix", "manifoldmix", "fmix", "resizemix", "saliencymix", "puzzlemix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")
published = "cifar_tiny"
