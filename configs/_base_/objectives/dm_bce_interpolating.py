# DM(BCE) with the paper's rescaling for interpolating mixes (Mixup, ManifoldMix, ...).
objective = dict(type="DecoupledMixupBCELoss", t=0.5, xi=1.0)
