# Mixed BCE: the shares themselves are the targets.
objective = dict(type="DecoupledMixupBCELoss", t=1.0, xi=1.0)
