# Semi-supervised training as FixMatch has it: SGD with Nesterov momentum, 2^20 updates as 1024
# epochs of 1024, the first 7/16 of a cosine, stepped per update; an average of the weights is
# what is tested. Metric: the best checkpoint.
optim_wrapper = dict(
    optimizer=dict(type="SGD", lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4),
    # As its authors do: norms and biases do not decay.
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = dict(
    type="PartialCosineLR", T_max=1024, by_epoch=True, convert_to_iter_based=True
)
custom_hooks = [dict(type="EMAHook", momentum=1e-3, update_buffers=True)]  # 1 - 0.999

train_cfg = dict(by_epoch=True, max_epochs=1024, val_interval=4)
val_cfg = dict()
test_cfg = dict()

# Labelled images of an update.
auto_scale_lr = dict(base_batch_size=64)
