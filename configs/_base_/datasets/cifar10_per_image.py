# As cifar10.py, augmented image by image through mmpretrain's transforms.
dataset_type = "CIFAR10"
data_root = "data/cifar10"
num_classes = 10

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    num_classes=num_classes,
)

train_dataloader = dict(
    batch_size=100,
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split="train",
        pipeline=[
            dict(type="RandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
            dict(type="RandomFlip", prob=0.5, direction="horizontal"),
            dict(type="PackLabels"),
        ],
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)

val_dataloader = dict(
    batch_size=500,
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split="test",
        pipeline=[dict(type="PackLabels")],
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
