# Ten labels a class, no mixing: what the others are compared with.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/digits.py",
    "../_base_/models/resnet_digits.py",
    "../_base_/schedules/sgd_cosine_100e.py",
]

train_dataloader = dict(dataset=dict(dataset=dict(labels_per_class=10)))
default_hooks = dict(
    logger=dict(interval=5),
    checkpoint=dict(interval=50, max_keep_ckpts=2),
)
# Besides clean top-1: how the network reads test images mixed by CutMix.
custom_hooks = [dict(type="MixedAccuracyHook", mixup=dict(type="CutMix", alpha=1.0))]
