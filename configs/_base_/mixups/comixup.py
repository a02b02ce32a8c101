# alpha: what the decoupled mixup paper uses for dynamic mixes under its loss.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="CoMixup", alpha=2.0)
