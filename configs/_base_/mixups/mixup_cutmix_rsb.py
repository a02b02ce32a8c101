# The recipe of "ResNet strikes back": Mixup or CutMix, each batch.
mixup = dict(
    type="RandomMix",
    mixups=[dict(type="Mixup", alpha=0.1), dict(type="CutMix", alpha=1.0)],
    probs=[0.5, 0.5],
)
