# scikit-learn's digits: 8 x 8 grey images, 10 classes; comes with the package. One tensor in
# memory, augmented batch by batch.
dataset_type = "Digits"
num_classes = 10

data_preprocessor = dict(
    type="MixupDataPreprocessor",
    mean=[78.0],
    std=[96.0],
    num_classes=num_classes,
    batch_transforms=[dict(type="BatchRandomCrop", crop_size=8, padding=1)],
)

train_dataloader = dict(
    batch_size=20,
    num_workers=0,
    dataset=dict(type="InMemory", dataset=dict(type=dataset_type, split="train")),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="whole_batch"),
)

val_dataloader = dict(
    batch_size=450,
    num_workers=0,
    dataset=dict(type="InMemory", dataset=dict(type=dataset_type, split="test")),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="whole_batch"),
)
val_evaluator = dict(type="Accuracy", topk=(1,))

test_dataloader = val_dataloader
test_evaluator = val_evaluator
