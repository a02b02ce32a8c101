# ConvNeXt-T for small images, 27.9 M weights: a 3 x 3 stem of stride 1 instead of patches of 4 x 4,
# as in the decoupled mixup paper's code. (That has stochastic depth 0.3, the paper says 0.1.)
_base_ = "./convnext_tiny.py"

model = dict(backbone=dict(type="ConvNeXt_CIFAR"))
