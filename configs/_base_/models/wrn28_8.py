# WideResNet-28-8, 23.4 M weights, in the variant that the decoupled mixup paper's code shares with
# the semi-supervised literature. Starts as wrn28_2.
_base_ = "./wrn28_2.py"

model = dict(backbone=dict(widen_factor=8), head=dict(num_classes=100, in_channels=512))
