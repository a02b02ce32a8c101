# ImageNet-1k as in DeiT: RandAugment, random erasing and repeated augmentation. (The paper's own
# code leaves the repeats out: sampler=dict(type="DefaultSampler").) 8 GPUs with 128 images each
# make its batch of 1024.
_base_ = "./imagenet.py"

data_preprocessor = dict(
    batch_transforms=[
        dict(type="BatchRandomFlip", prob=0.5),
        dict(
            type="BatchRandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=dict(pad_val=[124, 116, 104], interpolation="bicubic"),
        ),
        dict(
            type="BatchRandomErasing",
            erase_prob=0.25,
            mode="rand",
            min_area_ratio=0.02,
            max_area_ratio=1 / 3,
        ),
    ]
)

train_dataloader = dict(
    batch_size=128,
    sampler=dict(_delete_=True, type="RepeatAugSampler", shuffle=True, num_repeats=3),
)
