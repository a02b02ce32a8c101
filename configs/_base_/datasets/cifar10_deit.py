# As cifar10.py, with the augmentation of DeiT's recipe: RandAugment and random erasing.
_base_ = "./cifar10.py"

data_preprocessor = dict(
    batch_transforms=[
        dict(type="BatchRandomCrop", crop_size=32, padding=4, padding_mode="reflect"),
        dict(type="BatchRandomFlip", prob=0.5),
        dict(
            type="BatchRandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=dict(pad_val=[125, 123, 114], interpolation="bicubic"),
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
