"""CIFAR-100, ResNet-18, 200, 400 and 800 epochs under MCE: how long the baselines are trained."""

recipes = {"r18": "cifar100/resnet18.py"}
axes = dict(
    mixup=[
        *["none", "mixup", "cutmix", "manifoldmix", "saliencymix", "fmix", "resizemix"],
        "puzzlemix",
    ],
    objective=["mce"],
    epochs=[200, 400, 800],
    seed=[0, 1, 2],
)
baseline = dict(mixup="none")

published_by = ("mixup", "epochs")
published = {
    "none": (76.42, 77.73, 78.04),
    "mixup": (78.52, 79.34, 79.12),
    "cutmix": (79.45, 79.58, 78.17),
    "manifoldmix": (79.18, 80.18, 80.35),
    "saliencymix": (79.75, 79.64, 79.12),
    "fmix": (78.91, 79.91, 79.69),
    "resizemix": (79.56, 79.19, 80.01),
    "puzzlemix": (79.96, 80.82, 81.13),
    "automix": (80.12, 81.78, 82.04),
    "samix": (81.21, 81.97, 82.30),
}
