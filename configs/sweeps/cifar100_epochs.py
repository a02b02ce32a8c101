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
published = "cifar100_epochs"
