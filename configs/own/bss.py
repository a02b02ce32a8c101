# Batch spectral shrinkage: a ResNet-18 with pretrained weights on images of your own of which few
# have labels, 224 x 224. Those of ImageNet are fetched, or --weights FILE names others:
# dmmix train own/bss --data FOLDER
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/semi/own.py",
    "../_base_/models/resnet18_pretrained.py",
    "../_base_/schedules/sgd_own_finetune_30e.py",
]

model = dict(
    type="BSS",
)
data_preprocessor = dict(
    strong_transforms=[
        dict(type="BatchRandomFlip", prob=0.5),
        dict(type="BatchRandAugment", policies="fixmatch", num_policies=2),
    ]
)
# "all": the unlabelled images are looked at by "+ DM" alone, and so there need not be any.
train_dataloader = dict(
    batch_size=24,
    dataset=dict(dataset=dict(size=224), unlabelled="all", views=1),
    batch_sampler=dict(mu=1),
)
val_dataloader = dict(batch_size=64, dataset=dict(size=224))
test_dataloader = dict(batch_size=64, dataset=dict(size=224))
# 3,000 updates for the 27,000 of its authors, and three times their learning rate.
optim_wrapper = dict(optimizer=dict(lr=0.003))
auto_scale_lr = dict(base_batch_size=24)
default_hooks = dict(checkpoint=dict(interval=5, save_best="accuracy/top1"))
