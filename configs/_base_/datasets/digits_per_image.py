# As digits.py, augmented image by image through mmpretrain's transforms.
dataset_type = "Digits"
num_classes = 10

data_preprocessor = dict(
    type="MixupDataPreprocessor", mean=[78.0], std=[96.0], num_classes=num_classes
)

train_dataloader = dict(
    batch_size=20,
    num_workers=0,
    dataset=dict(
        type=dataset_type,
        split="train",
        pipeline=[
            dict(type="RandomCrop", crop_size=8, padding=1, pad_val=0),
            dict(type="PackLabels"),
        ],
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)

val_dataloader = dict(
    batch_size=450,
    num_workers=0,
    dataset=dict(type=dataset_type, split="test", pipeline=[dict(type="PackLabels")]),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="Accuracy", topk=(1,))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
