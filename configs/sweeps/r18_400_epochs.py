"""CIFAR-100 and Tiny-ImageNet, ResNet-18, 400 epochs, MCE against DM(CE).

The rows of the paper's robustness table. Its second column, the error under FGSM (l_inf, 8/255), is
on docs/sweeps.md and has no cell: dmmix does not measure it.
"""

recipes = {"c100_r18": "cifar100/resnet18_400e.py", "tiny_r18": "tiny_imagenet/resnet18.py"}
axes = dict(
    recipe=list(recipes),
    mixup=["mixup", "cutmix", "manifoldmix", "puzzlemix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")
published = "r18_400_epochs"
