"""Few labels on two cores: a small ResNet-18, 15 % of the labels of CIFAR-100, MCE and DM(CE).

The paper's alphas are .2 under DM and, for Mixup, 1 under MCE. Mixup with .2 under MCE as well
shows what DM alone does.
"""

recipes = {"r18_narrow": "cifar100/resnet18_narrow_labels15.py"}
axes = dict(
    mixup={
        "mixup_a1": dict(type="Mixup", alpha=1.0),
        "mixup": dict(type="Mixup", alpha=0.2),
        "cutmix": dict(type="CutMix", alpha=0.2),
    },
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
exclude = [dict(mixup="mixup_a1", objective="dm_ce")]
baseline = dict(objective="mce")
