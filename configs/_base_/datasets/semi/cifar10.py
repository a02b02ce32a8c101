# CIFAR-10 with 250 labels in all; the unlabelled stream is all images. 64 labelled and 448
# unlabelled images a step, 1024 steps an epoch, as FixMatch has it.
_base_ = ["../cifar10.py"]

data_preprocessor = dict(
    type="SemiDataPreprocessor",
    batch_transforms=[],
    weak_transforms={{_base_.data_preprocessor.batch_transforms}},
    strong_transforms=[
        dict(type="BatchRandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
        dict(type="BatchRandomFlip", prob=0.5),
        dict(type="BatchRandAugment", policies="fixmatch", num_policies=2),
        dict(type="BatchCutout", shape=16, pad_val=[125, 123, 114], prob=1.0),
    ],
)

train_dataloader = dict(
    _delete_=True,
    batch_size=64,
    num_workers=0,
    dataset=dict(
        type="SemiDataset",
        dataset={{_base_.train_dataloader.dataset}},
        subset=dict(num_labels=250, seed=0),
    ),
    sampler=dict(type="MultiSourceSampler"),
    batch_sampler=dict(type="MultiSourceBatchSampler", mu=7, batches=1024),
    collate_fn=dict(type="whole_batch"),
)
