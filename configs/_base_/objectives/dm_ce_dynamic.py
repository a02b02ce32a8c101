# DM(CE) as the paper has it for dynamic mixes (PuzzleMix, ManifoldMix, AutoMix, ...): eta = 1.
objective = dict(type="DecoupledMixupLoss", eta=1.0)
