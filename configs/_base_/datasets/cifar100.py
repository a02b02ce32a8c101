# CIFAR-100 as its publisher ships it, in data/cifar100 (downloaded there if it is absent). One
# tensor in memory, augmented batch by batch.
dataset_type = "CIFAR100"
data_root = "data/cifar100"
num_classes = 100

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[129.304, 124.070, 112.434],
    std=[68.170, 65.392, 70.418],
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
