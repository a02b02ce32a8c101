# A variant of the official configs: the decoupled term of a class weighs as much as its share.
objective = dict(type="DecoupledMixupLoss", eta=0.1, rescale=(1.0, 1.0))
