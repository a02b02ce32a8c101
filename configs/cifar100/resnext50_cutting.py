# ResNeXt-50 on CIFAR-100 for mixes that cut (CutMix, FMix, ResizeMix, SaliencyMix, ...): five times
# the weight decay.
_base_ = "./resnext50.py"

optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
