# A variant of the official configs: only the class with the smaller share is decoupled.
objective = dict(type="DecoupledMixupLoss", eta=0.1, decouple="less")
