# ResNets on CIFAR, 800 epochs; all else as with 200.
_base_ = "./sgd_cifar_200e.py"

param_scheduler = dict(T_max=800)
train_cfg = dict(max_epochs=800, dynamic_intervals=[(792, 1)])
