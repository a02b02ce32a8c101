# ImageNet-1k in data/imagenet: train in a folder for each class, val in folders too, or flat with
# meta/val.txt. Workers decode and crop to one size (bicubic, as in the paper's code), the rest is
# done batch by batch. The batch size is that of one GPU: divide 256 by their number.
dataset_type = "ImageNet"
data_root = "data/imagenet"
num_classes = 1000

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    num_classes=num_classes,
    batch_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
)

train_dataloader = dict(
    batch_size=256,
    num_workers=8,
    dataset=dict(
        type="DecodedImages",
        dataset=dict(type=dataset_type, data_root=data_root, split="train"),
        size=224,
        interpolation="bicubic",
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)

val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    dataset=dict(
        type="DecodedImages",
        dataset=dict(type=dataset_type, data_root=data_root, split="val"),
        size=224,
        crop_ratio=0.875,
        interpolation="bicubic",
        test_mode=True,
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
