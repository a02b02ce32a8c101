# DM(BCE): mixes that cut. A mean over the classes, 1/C of the official loss: with SGD,
# over_classes="sum" is meant.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="DecoupledMixupBCELoss", t=1.0, xi=0.8)
