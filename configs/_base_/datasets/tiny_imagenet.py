# Tiny-ImageNet as its publisher ships it, in data/tiny-imagenet-200. Decoded once (the result is
# kept beside the data), then one tensor in memory, augmented batch by batch. Bicubic, and mean and
# deviation of ImageNet, as in the paper's code. The test images have no labels: val is tested on.
dataset_type = "TinyImageNet"
data_root = "data/tiny-imagenet-200"
num_classes = 200

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    num_classes=num_classes,
    batch_transforms=[
        dict(type="BatchRandomResizedCrop", scale=64, interpolation="bicubic"),
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
        type="InMemory", dataset=dict(type=dataset_type, data_root=data_root, split="val")
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="whole_batch"),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
