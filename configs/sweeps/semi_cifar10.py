"""Semi-supervised CIFAR-10, WideResNet-28-2: 40, 250 and 4000 labels.

The methods of the paper's table; the best checkpoint, mean of three trials. The split changes with
the seed, and is the same for all methods.
"""

recipes = {"c10": "semi/cifar10/fixmatch.py"}
axes = dict(
    method=[
        *["pseudo_label", "mixmatch", "mixmatch_dm", "remixmatch", "uda", "fixmatch", "flexmatch"],
        *["fixmatch_mixup", "fixmatch_dm"],
    ],
    labels={
        str(n): dict(train_dataloader=dict(dataset=dict(subset=dict(num_labels=n))))
        for n in (40, 250, 4000)
    },
    seed=[0, 1, 2],
)
subset_seed = "seed"
metric = "best"
baseline = dict(method="fixmatch")
published = "semi"
