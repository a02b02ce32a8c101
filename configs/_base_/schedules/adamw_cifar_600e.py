# Transformers and ConvNeXt on CIFAR, 600 epochs: the recipe of DeiT with batches of 100, without
# its average of weights (as in the decoupled mixup paper's code).
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05, eps=1e-8, betas=(0.9, 0.999)),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,  # layer scales
        custom_keys={
            ".cls_token": dict(decay_mult=0.0),
            ".pos_embed": dict(decay_mult=0.0),
            ".absolute_pos_embed": dict(decay_mult=0.0),
            ".relative_position_bias_table": dict(decay_mult=0.0),
        },
    ),
    clip_grad=dict(max_norm=1.0),
)
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

# Tested every 10 epochs, and after each of the last ten: the paper reports their median.
train_cfg = dict(by_epoch=True, max_epochs=600, val_interval=10, dynamic_intervals=[(592, 1)])
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=100)
