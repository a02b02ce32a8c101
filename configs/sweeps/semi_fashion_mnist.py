"""Fashion-MNIST, 40 labels in all: the labels alone, and five methods, five splits.

5 to 10 minutes a cell with one thread. The split changes with the seed, and is the same for all
methods. MixMatch's weight rises over the whole training: see semi_digits.
"""

recipes = {"fashion_mnist": "semi/fashion_mnist/fixmatch.py"}
axes = dict(
    method=["supervised", "mixmatch", "mixmatch_dm", "fixmatch", "fixmatch_mixup", "fixmatch_dm"],
    seed=[0, 1, 2, 3, 4],
)
special = [dict(where=dict(method=["mixmatch", "mixmatch_dm"]), set=dict(model=dict(ramp=1.0)))]
subset_seed = "seed"
metric = "best"
baseline = dict(method="fixmatch")
