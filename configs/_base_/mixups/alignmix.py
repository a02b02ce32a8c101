# alpha: what the decoupled mixup paper uses for mixes that are guided by the model.
mixup = dict(type="AlignMix", alpha=2.0)
