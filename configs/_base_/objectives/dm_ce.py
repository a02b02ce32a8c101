# DM(CE) as the paper has it for static mixes: eta = 0.1, the same weight for both classes.
objective = dict(type="DecoupledMixupLoss", eta=0.1)
