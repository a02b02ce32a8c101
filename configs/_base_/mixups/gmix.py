# alpha: what the decoupled mixup paper uses for static mixes under its loss.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="GMix", alpha=0.2)
