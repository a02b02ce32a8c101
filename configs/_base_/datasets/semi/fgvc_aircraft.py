# FGVC-Aircraft with 15 % of the labels; the unlabelled stream is the rest. 24 labelled and 24
# unlabelled images a step, 500 steps an epoch, as the transfer experiments have it; tested on ten
# crops.
_base_ = ["../fgvc_aircraft.py"]

data_preprocessor = dict(
    type="SemiDataPreprocessor",
    batch_transforms=[],
    weak_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
    strong_transforms=[
        dict(type="BatchRandomFlip", prob=0.5),
        dict(type="BatchRandAugment", policies="fixmatch", num_policies=2),
    ],
)

train_dataloader = dict(
    _delete_=True,
    batch_size=24,
    num_workers=4,
    dataset=dict(
        type="SemiDataset",
        dataset=dict(
            type="DecodedImages",
            dataset=dict(
                type={{_base_.dataset_type}}, data_root={{_base_.data_root}}, split="train"
            ),
            size=224,
        ),
        subset=dict(label_fraction=0.15, seed=0),
        unlabelled="rest",
        views=2,
    ),
    sampler=dict(type="MultiSourceSampler"),
    batch_sampler=dict(type="MultiSourceBatchSampler", mu=1, batches=500),
    collate_fn=dict(type="whole_batch"),
)
test_dataloader = dict(batch_size=10, dataset=dict(ten_crop=True))
