"""When does DM help? Fashion-MNIST, 100 labels a class, a short and an 8 times longer training.

The subset of the labels changes with the seed. Mixup with alpha = 1 under MCE is the paper's
baseline, with .2 it differs from DM in the loss alone.
"""


def _epochs(n):
    return dict(
        train_cfg=dict(max_epochs=n, val_interval=n, dynamic_intervals=[(n - 8, 1)]),
        param_scheduler=dict(T_max=n),
    )


recipes = {"resnet_small": "fashion_mnist/resnet_small.py"}
axes = dict(
    length=dict(short=_epochs(40), long=_epochs(320)),
    mixup={
        "mixup_a1": dict(type="Mixup", alpha=1.0),
        "mixup": dict(type="Mixup", alpha=0.2),
        "cutmix": dict(type="CutMix", alpha=0.2),
    },
    objective={
        "mce": dict(type="MixupCrossEntropyLoss"),
        "dm_eta.1": dict(type="DecoupledMixupLoss", eta=0.1),
        "dm_eta1": dict(type="DecoupledMixupLoss", eta=1.0),
    },
    labels_per_class=[100],
    seed=[0, 1, 2, 3, 4],
)
exclude = [dict(mixup="mixup_a1", objective=["dm_eta.1", "dm_eta1"])]
subset_seed = "seed"
baseline = dict(objective="mce")
