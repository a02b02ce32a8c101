# SGD for pretrained networks on images of your own, one cosine to 0; the new head learns ten times
# as fast as the backbone. (A key is sought in the whole name: Co-Tuning's old head would be "head"
# too.)
optim_wrapper = dict(
    optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={"head": dict(lr_mult=10), "source_head": dict(lr_mult=1)}),
)
param_scheduler = dict(type="CosineAnnealingLR", T_max=30, eta_min=0.0, by_epoch=True)

train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=1)
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=32)
