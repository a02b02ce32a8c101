# CIFAR-10 as its publisher ships it, in data/cifar10 (downloaded there if it is absent). One
# tensor in memory, augmented batch by batch.
dataset_type = "CIFAR10"
data_root = "data/cifar10"
num_classes = 10

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    num_classes=num_classes,
    batch_transforms=[
        dict(type="BatchRandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
        dict(type="BatchRandomFlip", prob=0.5),
    ],
)

train_dataloader = dict(
    batch_size=100,
    num_workers=0,
    dataset=dict(
        type="InMemory", dataset=dict(type=dataset_type, data_root=data_root, split="train")
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="whole_batch"),
)

val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    dataset=dict(
        type="InMemory", dataset=dict(type=dataset_type, data_root=data_root, split="test")
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="whole_batch"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
