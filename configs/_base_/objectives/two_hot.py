# Two-hot targets: whatever is mixed in is wholly there.
# A mean over the classes, 1/C of the official loss: with SGD, over_classes="sum" is meant.
objective = dict(type="DecoupledMixupBCELoss", t=0.0, xi=1.0)
