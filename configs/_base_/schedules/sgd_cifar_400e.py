# ResNets on CIFAR, 400 epochs; all else as with 200.
_base_ = "./sgd_cifar_200e.py"

param_scheduler = dict(T_max=400)
train_cfg = dict(max_epochs=400, dynamic_intervals=[(392, 1)])
