# alpha: what the decoupled mixup paper uses for static mixes under its loss.
mixup = dict(type="GridMix", alpha=0.2)
