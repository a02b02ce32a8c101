# DM(CE), of the larger share alone: a variant of the paper's official configs.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
objective = dict(type="DecoupledMixupLoss", eta=0.1, decouple="more")
