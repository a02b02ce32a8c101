# Two-hot targets: whatever is mixed in is wholly there.
objective = dict(type="DecoupledMixupBCELoss", t=0.0, xi=1.0)
