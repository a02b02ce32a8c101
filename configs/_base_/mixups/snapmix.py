# alpha: what the decoupled mixup paper uses for mixes guided by the model, under its loss.
mixup = dict(type="SnapMix", alpha=2.0)
