"""Fashion-MNIST, 40 labels in all: the labels alone, and five methods, five splits.

5 to 10 minutes a cell with one thread. The split changes with the seed, and is the same for all
methods. MixMatch's weight rises over the whole training: see semi_digits.
"""

_MIXUP = dict(type="Mixup", alpha=0.2)
_DM = dict(mixup=_MIXUP, loss=dict(type="DecoupledMixupLoss", eta=0.1))
_MCE = dict(mixup=_MIXUP, loss=dict(type="MixupCrossEntropyLoss"))

recipes = {"fashion_mnist": "semi/fashion_mnist/fixmatch.py"}
axes = dict(
    method={
        "supervised": dict(model=dict(type="Supervised")),
        "mixmatch": dict(model=dict(type="MixMatch", ramp=1.0)),
        "mixmatch_dm": dict(model=dict(type="MixMatch", ramp=1.0, stream_mix=_DM)),
        "fixmatch": dict(model=dict(type="FixMatch")),
        "fixmatch_mixup": dict(model=dict(type="FixMatch", stream_mix=_MCE)),
        "fixmatch_dm": dict(model=dict(type="FixMatch", stream_mix=_DM)),
    },
    seed=[0, 1, 2, 3, 4],
)
subset_seed = "seed"
metric = "best"
baseline = dict(method="fixmatch")
