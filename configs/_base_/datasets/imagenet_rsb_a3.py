# ImageNet-1k as in "ResNet strikes back", A3: trained at 160 pixels with RandAugment and repeated
# augmentation, tested at 224 (crop .95). 8 GPUs with 256 images each make its batch of 2048.
_base_ = "./imagenet.py"

data_preprocessor = dict(
    batch_transforms=[
        dict(type="BatchRandomFlip", prob=0.5),
        dict(
            type="BatchRandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=6,
            magnitude_std=0.5,
            hparams=dict(pad_val=[124, 116, 104], interpolation="bicubic"),
        ),
    ]
)

train_dataloader = dict(
    dataset=dict(size=160),
    sampler=dict(_delete_=True, type="RepeatAugSampler", shuffle=True, num_repeats=3),
)
val_dataloader = dict(dataset=dict(crop_ratio=0.95))
test_dataloader = dict(dataset=dict(crop_ratio=0.95))
