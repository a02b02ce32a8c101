# "ResNet strikes back", A3: LAMB, five epochs of warm-up by iteration, then one cosine to 1e-6,
# stepped per epoch. Norms and biases do not decay. A batch of 2048: 256 on each of 8 GPUs.
optim_wrapper = dict(
    optimizer=dict(type="Lamb", lr=0.008, weight_decay=0.02),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=1e-4,
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    ),
    dict(type="CosineAnnealingLR", T_max=95, eta_min=1e-6, by_epoch=True, begin=5, end=100),
]

# Tested every 10 epochs, and after each of the last ten: the paper reports their median.
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=10, dynamic_intervals=[(92, 1)])
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=2048)
