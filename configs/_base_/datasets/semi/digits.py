# Digits with 10 labels in all; the unlabelled stream is all images. 10 labelled and 70 unlabelled
# images a step, 40 steps an epoch.
_base_ = ["../digits.py"]

data_preprocessor = dict(
    type="SemiDataPreprocessor",
    batch_transforms=[],
    weak_transforms={{_base_.data_preprocessor.batch_transforms}},
    # What leaves a digit a digit at 8 x 8: small turns, shears and shifts, contrast; no flips.
    strong_transforms=[
        dict(type="BatchRandomCrop", crop_size=8, padding=1),
        dict(
            type="BatchRandAugment",
            policies=[
                dict(type="Identity"),
                dict(type="Rotate", magnitude_range=(0, 25), prob=1, interpolation="bilinear"),
                dict(
                    type="Shear",
                    magnitude_range=(0, 0.3),
                    direction="horizontal",
                    prob=1,
                    interpolation="bilinear",
                ),
                dict(
                    type="Shear",
                    magnitude_range=(0, 0.3),
                    direction="vertical",
                    prob=1,
                    interpolation="bilinear",
                ),
                dict(type="Contrast", magnitude_range=(0, 0.6), prob=1),
                dict(type="Brightness", magnitude_range=(0, 0.6), prob=1),
            ],
            num_policies=2,
            magnitude_level=10,
            magnitude_std="inf",
            hparams=dict(pad_val=0, interpolation="bilinear"),
        ),
        dict(type="BatchCutout", shape=3, pad_val=78, prob=0.5),
    ],
)

train_dataloader = dict(
    _delete_=True,
    batch_size=10,
    num_workers=0,
    dataset=dict(
        type="SemiDataset",
        dataset={{_base_.train_dataloader.dataset}},
        subset=dict(num_labels=10, seed=0),
    ),
    sampler=dict(type="MultiSourceSampler"),
    batch_sampler=dict(type="MultiSourceBatchSampler", mu=7, batches=40),
    collate_fn=dict(type="whole_batch"),
)
