# DM(BCE) with the paper's rescaling for cutting mixes; interpolating ones: t=0.5, xi=1.
# A mean over the classes, 1/C of the official loss: with SGD, over_classes="sum" is meant.
objective = dict(type="DecoupledMixupBCELoss", t=1.0, xi=0.8)
