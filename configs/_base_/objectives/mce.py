# Mixup cross entropy.
objective = dict(type="MixupCrossEntropyLoss")
