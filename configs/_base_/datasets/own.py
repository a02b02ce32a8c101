# Images of your own: dmmix train CONFIG --data FOLDER fills in the folders and the number of
# classes. Workers decode and crop to one size, the rest is done batch by batch.
data_root = "data/images"
num_classes = 1000

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    num_classes=num_classes,
    batch_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
)

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    drop_last=True,
    dataset=dict(
        type="DecodedFolder", data_root=data_root, data_prefix="train", size=224, scale=(0.3, 1.0)
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)

val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    dataset=dict(
        type="DecodedFolder", data_root=data_root, data_prefix="val", size=224, test_mode=True
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
