# Pretrained networks on few labels: 27,000 updates as 54 epochs of 500, the learning rate a tenth
# after 6,000, 12,000, 18,000 and 24,000 of them; that of the new head is ten times as large. (A key
# is sought in the whole name: Co-Tuning's old head would be "head" too.)
optim_wrapper = dict(
    optimizer=dict(type="SGD", lr=0.001, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={"head": dict(lr_mult=10), "source_head": dict(lr_mult=1)}),
)
param_scheduler = dict(type="MultiStepLR", milestones=[12, 24, 36, 48], gamma=0.1, by_epoch=True)

train_cfg = dict(by_epoch=True, max_epochs=54, val_interval=6)
val_cfg = dict()
test_cfg = dict()

# Labelled images of an update.
auto_scale_lr = dict(base_batch_size=24)
