# Mixup cross entropy: the baseline.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="MixupCrossEntropyLoss")
