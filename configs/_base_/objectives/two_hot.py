# BCE, whatever is mixed in is wholly there: a baseline with sigmoids. A mean over the classes, 1/C
# of the official loss: with SGD, over_classes="sum" is meant.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="DecoupledMixupBCELoss", t=0.0, xi=1.0)
