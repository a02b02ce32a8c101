# Mixed BCE: the shares themselves are the targets.
# A mean over the classes, 1/C of the official loss: with SGD, over_classes="sum" is meant.
objective = dict(type="DecoupledMixupBCELoss", t=1.0, xi=1.0)
