# alpha: what the decoupled mixup paper uses for static mixes under DM (2 under the mixup loss).
mixup = dict(type="ManifoldMix", alpha=0.2)
