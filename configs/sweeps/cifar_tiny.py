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
# ResNeXt-50 on CIFAR-100: five times the weight decay for mixes that cut.
_cutting = ["cutmix", "fmix", "resizemix", "saliencymix", "puzzlemix"]
special = [
    dict(
        where=dict(recipe="c100_rx50", mixup=_cutting),
        set=dict(optim_wrapper=dict(optimizer=dict(weight_decay=5e-4))),
    )
]
baseline = dict(objective="mce")

published_by = ("mixup", "recipe", "objective")
# fmt: off
published = {
    #               C100 R-18       C100 RX-50      C100 WRN-28-8   Tiny R-18       Tiny RX-50
    "mixup":       ((79.12, 80.44), (82.10, 82.96), (82.82, 83.51), (63.86, 65.07), (66.36, 67.70)),
    "cutmix":      ((78.17, 79.39), (81.67, 82.39), (84.45, 84.88), (65.53, 66.45), (66.47, 67.46)),
    "manifoldmix": ((80.35, 81.05), (82.88, 83.15), (83.24, 83.72), (64.15, 65.45), (67.30, 68.48)),
    "fmix":        ((79.69, 80.12), (81.90, 82.74), (84.21, 84.47), (63.47, 65.34), (65.08, 66.96)),
    "resizemix":   ((80.01, 80.26), (81.82, 82.96), (84.87, 84.72), (63.74, 64.33), (65.87, 68.56)),
    "saliencymix": ((79.12, 79.28), (81.53, 82.61), (84.35, 84.41), (64.60, 66.56), (66.55, 67.52)),
    "puzzlemix":   ((81.13, 81.34), (82.85, 82.97), (85.02, 85.25), (65.81, 66.52), (67.83, 68.04)),
    "automix":     ((82.04, 82.32), (83.64, 83.94), (85.18, 85.38), (67.33, 68.18), (70.72, 71.56)),
    "samix":       ((82.30, 82.40), (84.42, 84.53), (85.50, 85.59), (68.89, 69.16), (72.18, 72.39)),
}
# fmt: on
