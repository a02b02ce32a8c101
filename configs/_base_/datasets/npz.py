# Arrays of your own: data/images.npz with x_train, y_train, x_test, y_test (uint8 images, integer
# labels). Set data_file, num_classes, mean and std, and the model's num_classes.
data_file = "data/images.npz"
num_classes = 10

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[127.5],
    std=[64.0],
    num_classes=num_classes,
    batch_transforms=[dict(type="BatchRandomFlip", prob=0.5)],
)

train_dataloader = dict(
    batch_size=100,
    num_workers=0,
    dataset=dict(
        type="InMemory",
        dataset=dict(
            type="NPZDataset", data_file=data_file, split="train", num_classes=num_classes
        ),
    ),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="whole_batch"),
)

val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    dataset=dict(
        type="InMemory",
        dataset=dict(type="NPZDataset", data_file=data_file, split="test", num_classes=num_classes),
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="whole_batch"),
)
val_evaluator = dict(type="Accuracy", topk=(1,))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
