"""Digits, 40 labels in all: the labels alone, and seven methods, five splits; half an hour.

The split changes with the seed, and is the same for all methods. MixMatch's weight rises over the
whole training; over the 64th of it that the paper has, 19 updates here, it is a method of its own.
"""

recipes = {"digits": "semi/quickstart/digits_fixmatch_40.py"}
axes = dict(
    method={
        **{name: name for name in ("supervised", "mixmatch", "mixmatch_dm")},
        "mixmatch_ramp64": dict(model=dict(type="MixMatch", ramp=1 / 64)),
        **{name: name for name in ("fixmatch", "fixmatch_mixup", "fixmatch_dm", "flexmatch")},
    },
    seed=[0, 1, 2, 3, 4],
)
special = [dict(where=dict(method=["mixmatch", "mixmatch_dm"]), set=dict(model=dict(ramp=1.0)))]
subset_seed = "seed"
metric = "best"
baseline = dict(method="fixmatch")
