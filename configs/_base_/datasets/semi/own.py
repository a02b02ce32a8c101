# Images of your own, few of them with labels. 16 labelled and 48 unlabelled images a step, 100
# steps an epoch; a weak and a strong view of each.
_base_ = ["../own.py"]

data_preprocessor = dict(
    type="SemiDataPreprocessor",
    batch_transforms=[],
    weak_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
    strong_transforms=[
        dict(type="BatchRandomFlip", prob=0.5),
        dict(type="BatchRandAugment", policies="fixmatch", num_policies=2),
        dict(type="BatchCutout", shape=48, pad_val=[124, 116, 104], prob=1.0),
    ],
)

train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=2,
    dataset=dict(
        type="SemiDataset",
        dataset=dict(
            type="DecodedFolder",
            data_root={{_base_.data_root}},
            data_prefix="train",
            size=96,
            scale=(0.3, 1.0),
        ),
        subset=dict(labels_per_class=10, seed=0),
        unlabelled="rest",
        views=2,
    ),
    sampler=dict(type="MultiSourceSampler"),
    batch_sampler=dict(type="MultiSourceBatchSampler", mu=3, batches=100),
    collate_fn=dict(type="whole_batch"),
)
val_dataloader = dict(batch_size=128, dataset=dict(size=96))
test_dataloader = dict(batch_size=128, dataset=dict(size=96))
