# alpha: what the decoupled mixup paper uses for dynamic mixes under its loss; under the mixup loss
# it has 1.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="PuzzleMix", alpha=2.0)
