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

published_by = ("mixup", "recipe", "objective")
published_note = """
    PuzzleMix on CIFAR-100 has 80.22 here and 80.82 in the paper's table of baselines by length;
    PuzzleMix with DM on Tiny-ImageNet has 66.13 here and 66.52 in its main table.
"""
published = {
    "mixup": ((79.34, 79.70), (63.86, 65.07)),
    "cutmix": ((79.58, 79.77), (65.53, 66.45)),
    "manifoldmix": ((80.18, 81.06), (64.15, 65.45)),
    "puzzlemix": ((80.22, 80.58), (65.81, 66.13)),
    "automix": ((81.78, 81.96), (67.33, 68.18)),
}
