"""Which image of a mix should dominate: Self-Tuning with mixes of labelled and unlabelled images.

ResNet-18 with ImageNet weights on CUB-200-2011, 15, 30 and 50 % of the labels; ``lam`` is the share
of the labelled image. The paper's row with all labels has no unlabelled rest here.
"""

recipes = {"cub_r18": "transfer/cub200/self_tuning_resnet18.py"}
axes = dict(
    strategy=["self_tuning", "mce", "mce_labelled", "mce_unlabelled", "dm_as"],
    label_fraction=[0.15, 0.3, 0.5],
    seed=[0, 1, 2],
)
subset_seed = "seed"
metric = "best"
baseline = dict(strategy="self_tuning")
published = "asymmetrical_strategy"
