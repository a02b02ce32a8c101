# alpha: what the decoupled mixup paper uses for this mix.
mixup = dict(type="ManifoldMix", alpha=2.0)
