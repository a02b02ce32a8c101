# DM(CE) as the paper has it for dynamic mixes (PuzzleMix, AutoMix, ...): eta = 1.
objective = dict(type="DecoupledMixupLoss", eta=1.0)
