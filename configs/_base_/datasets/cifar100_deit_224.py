# As cifar100_deit.py, for networks that want 224 x 224: crops of 80 to 100 % of the image are
# scaled up batch by batch, test images one by one.
_base_ = "./cifar100.py"

data_preprocessor = dict(
    batch_transforms=[
        dict(
            type="BatchRandomResizedCrop",
            scale=224,
            crop_ratio_range=(0.8, 1.0),
            interpolation="bicubic",
        ),
        dict(type="BatchRandomFlip", prob=0.5),
        dict(
            type="BatchRandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=dict(pad_val=[129, 124, 112], interpolation="bicubic"),
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

val_dataloader = dict(
    _delete_=True,
    batch_size=100,
    num_workers=2,
    dataset=dict(
        type="CIFAR100",
        data_root="data/cifar100",
        split="test",
        pipeline=[
            dict(type="Resize", scale=(224, 224), interpolation="bicubic"),
            dict(type="PackLabels"),
        ],
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
test_dataloader = val_dataloader
