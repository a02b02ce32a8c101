# Fashion-MNIST, one file, with 40 labels in all; the unlabelled stream is all images. 16 labelled
# and 112 unlabelled images a step, 200 steps an epoch.
_base_ = ["../fashion_mnist_npz.py"]

data_preprocessor = dict(
    type="SemiDataPreprocessor",
    batch_transforms=[],
    weak_transforms={{_base_.data_preprocessor.batch_transforms}},
    strong_transforms=[
        dict(type="BatchRandomCrop", crop_size=28, padding=2),
        dict(type="BatchRandomFlip", prob=0.5),
        dict(type="BatchRandAugment", policies="fixmatch", num_policies=2),
        dict(type="BatchCutout", shape=14, pad_val=73, prob=1.0),
    ],
)

train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=0,
    dataset=dict(
        type="SemiDataset",
        dataset={{_base_.train_dataloader.dataset}},
        subset=dict(num_labels=40, seed=0),
    ),
    sampler=dict(type="MultiSourceSampler"),
    batch_sampler=dict(type="MultiSourceBatchSampler", mu=7, batches=200),
    collate_fn=dict(type="whole_batch"),
)
