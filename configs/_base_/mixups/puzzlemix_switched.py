# A dynamic mix, or with p = .5 a static one ('+RSB'), each with its own alpha.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(
    type="RandomMix",
    mixups=[
        dict(type="PuzzleMix", alpha=2.0),
        dict(type="Mixup", alpha=0.2),
        dict(type="CutMix", alpha=0.2),
    ],
    probs=[0.5, 0.25, 0.25],
)
