# SGD on images of your own, one cosine to 0, tested after each epoch.
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=5e-4))
param_scheduler = dict(type="CosineAnnealingLR", T_max=100, eta_min=0.0, by_epoch=True)

train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=32)
