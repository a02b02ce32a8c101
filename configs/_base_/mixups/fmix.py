# alpha: what the decoupled mixup paper uses for static mixes under its loss; under the mixup loss
# it has the same.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="FMix", alpha=0.2)
