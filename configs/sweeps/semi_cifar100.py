"""Semi-supervised CIFAR-100, WideResNet-28-8: 400, 2500 and 10000 labels.

The methods of the paper's table; the best checkpoint, mean of three trials. The split changes with
the seed, and is the same for all methods.
"""

recipes = {"c100": "semi/cifar100/fixmatch.py"}
axes = dict(
    method=[
        *["pseudo_label", "mixmatch", "mixmatch_dm", "remixmatch", "uda", "fixmatch", "flexmatch"],
        *["fixmatch_mixup", "fixmatch_dm"],
    ],
    labels={
        str(n): dict(train_dataloader=dict(dataset=dict(subset=dict(num_labels=n))))
        for n in (400, 2500, 10000)
    },
    seed=[0, 1, 2],
)
special = [
    dict(
        where=dict(method=["mixmatch", "mixmatch_dm"]),
        set=dict(model=dict(unlabelled_weight=150.0)),
    )
]
subset_seed = "seed"
metric = "best"
baseline = dict(method="fixmatch")
published = "semi"
