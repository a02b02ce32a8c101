# Classes of very different sizes, 64 x 64: each class is drawn as often as the others (q=0; with
# q=0.5 by the square root of its images).
_base_ = "./resnet18_64_cutmix_dm.py"

train_dataloader = dict(sampler=dict(_delete_=True, type="ClassWeightedSampler", q=0.0))
