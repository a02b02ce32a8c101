# alpha: what RegMixup's authors use for CIFAR-100; eta weighs the mixed loss beside the clean one.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="RegMixup", mixup=dict(type="Mixup", alpha=10.0), eta=1.0)
