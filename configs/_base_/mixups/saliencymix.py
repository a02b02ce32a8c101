# alpha: what the decoupled mixup paper uses for static mixes under its loss.
mixup = dict(type="SaliencyMix", alpha=0.2)
