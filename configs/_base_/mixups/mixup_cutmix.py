# Mixup or CutMix, each batch. The alphas are those of DeiT.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(
    type="RandomMix",
    mixups=[dict(type="Mixup", alpha=0.8), dict(type="CutMix", alpha=1.0)],
    probs=[0.5, 0.5],
)
