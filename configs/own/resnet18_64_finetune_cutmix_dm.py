# The same at 64 x 64.
_base_ = "./resnet18_finetune_cutmix_dm.py"

train_dataloader = dict(batch_size=64, dataset=dict(size=64))
val_dataloader = dict(batch_size=256, dataset=dict(size=64))
test_dataloader = val_dataloader
