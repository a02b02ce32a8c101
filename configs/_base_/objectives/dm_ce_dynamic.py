# DM(CE): mixes that ask the network; static ones of ResNet-18 on Tiny-ImageNet, CUB and Aircraft.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="DecoupledMixupLoss", eta=1.0)
