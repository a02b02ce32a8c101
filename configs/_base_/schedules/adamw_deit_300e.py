# DeiT on ImageNet: AdamW, five epochs of warm-up by iteration, then one cosine to 1e-5, stepped per
# epoch; gradients clipped to norm 1; an average of the weights is what is tested. Norms, biases,
# tokens and positions do not decay. A batch of 1024: 128 on each of 8 GPUs.
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
    dict(type="CosineAnnealingLR", T_max=295, eta_min=1e-5, by_epoch=True, begin=5, end=300),
]
custom_hooks = [
    dict(type="EMAHook", momentum=4e-5, update_buffers=True)  # 1 - 0.99996
]

# Tested every 10 epochs, and after each of the last ten: the paper reports their median.
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10, dynamic_intervals=[(292, 1)])
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=1024)
