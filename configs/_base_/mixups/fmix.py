# alpha: what the decoupled mixup paper uses for static mixes under its loss.
mixup = dict(type="FMix", alpha=0.2)
