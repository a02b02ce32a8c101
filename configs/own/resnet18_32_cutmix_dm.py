# At 32 x 32, for images as small as CIFAR's: the network keeps the resolution at first.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/own.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_own_100e.py",
    "../_base_/mixups/cutmix.py",
    "../_base_/objectives/dm_ce.py",
]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
train_dataloader = dict(batch_size=64, dataset=dict(size=32))
val_dataloader = dict(batch_size=256, dataset=dict(size=32))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=5, save_best="accuracy/top1"))
images_to_see = 300_000  # with --data: epochs for the size of the folder, 20 to 300
