# Transformers and ConvNeXt on CIFAR, 600 epochs; all else as with 200.
_base_ = "./adamw_cifar_200e.py"

param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=1e-3,
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    ),
    dict(type="CosineAnnealingLR", T_max=595, eta_min=1e-5, by_epoch=True, begin=5, end=600),
]
train_cfg = dict(max_epochs=600, dynamic_intervals=[(592, 1)])
