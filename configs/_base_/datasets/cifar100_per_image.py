# As cifar100.py, augmented image by image through mmpretrain's transforms.
dataset_type = "CIFAR100"
data_root = "data/cifar100"
num_classes = 100

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[129.304, 124.070, 112.434],
    std=[68.170, 65.392, 70.418],
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
