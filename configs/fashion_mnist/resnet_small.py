# A small ResNet on Fashion-MNIST, 40 epochs, no mixing: 175 k weights, half of the resolution from
# the first stage on, so that two cores train it in a minute.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/fashion_mnist_npz.py",
    "../_base_/models/resnet_digits.py",
    "../_base_/schedules/sgd_cifar_200e.py",
]

model = dict(backbone=dict(strides=(2, 2, 2)), head=dict(num_classes={{_base_.num_classes}}))
train_dataloader = dict(batch_size=50)
# The learning rate of the paper for a batch of 100, halved with the batch.
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = dict(T_max=40)
train_cfg = dict(max_epochs=40, dynamic_intervals=[(32, 1)])
default_hooks = dict(checkpoint=dict(interval=20))
