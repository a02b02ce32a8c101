# DM(CE): static mixes on CIFAR and ImageNet; ResNeXt-50 elsewhere too.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="DecoupledMixupLoss", eta=0.1)
