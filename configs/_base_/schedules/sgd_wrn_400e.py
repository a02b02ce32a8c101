# WideResNets on CIFAR, 400 epochs: a smaller learning rate and ten times the weight decay.
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.03, momentum=0.9, weight_decay=1e-3))
param_scheduler = dict(type="CosineAnnealingLR", T_max=400, eta_min=0.0, by_epoch=True)

# Tested every 20 epochs, and after each of the last ten: the paper reports their median.
train_cfg = dict(by_epoch=True, max_epochs=400, val_interval=20, dynamic_intervals=[(392, 1)])
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=100)
