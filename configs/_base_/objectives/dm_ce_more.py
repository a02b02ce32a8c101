# A variant of the official configs: only the class with the larger share is decoupled.
objective = dict(type="DecoupledMixupLoss", eta=0.1, decouple="more")
