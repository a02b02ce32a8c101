# alpha: what RegMixup's authors use for CIFAR-100; eta weighs the mixed loss beside the clean one.
mixup = dict(type="RegMixup", mixup=dict(type="Mixup", alpha=10.0), eta=1.0)
