# alpha: what the decoupled mixup paper uses for static mixes under its loss.
mixup = dict(type="CutMix", alpha=0.2)
