# ResNet-18 on CIFAR-100, 200 epochs, no mixing, for a GPU: the images in one file, bfloat16, a
# compiled step. Tested after each of the last ten epochs only.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/cifar100_npz.py",
    "../_base_/models/resnet18_cifar.py",
    "../_base_/schedules/sgd_cifar_200e.py",
]

model = dict(head=dict(num_classes={{_base_.num_classes}}))
train_cfg = dict(val_interval=200)
default_hooks = dict(checkpoint=dict(interval=20))
step = dict(precision="bf16", compile=True)
