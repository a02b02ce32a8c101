# FGVC-Aircraft as its publisher ships it, in data/fgvc-aircraft-2013b. Workers decode and crop to
# one size, the rest is done batch by batch. The paper resizes to 256 before it crops: boxes of the
# whole image have the same distribution.
dataset_type = "FGVCAircraft"
data_root = "data/fgvc-aircraft-2013b"
num_classes = 100

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    num_classes=num_classes,
    batch_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
)

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    drop_last=True,
    dataset=dict(
        type="DecodedImages",
        dataset=dict(type=dataset_type, data_root=data_root, split="trainval"),
        size=224,
        scale=(0.5, 1.0),
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)

val_dataloader = dict(
    batch_size=100,
    num_workers=4,
    dataset=dict(
        type="DecodedImages",
        dataset=dict(type=dataset_type, data_root=data_root, split="test"),
        size=224,
        resize_edge=256,
        test_mode=True,
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
