# DM(BCE) with the paper's rescaling for cutting mixes; interpolating ones: t=0.5, xi=1.
objective = dict(type="DecoupledMixupBCELoss", t=1.0, xi=0.8)
