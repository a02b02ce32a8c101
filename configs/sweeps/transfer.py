"""Transfer to CUB-200-2011, FGVC-Aircraft and Stanford Cars with 15, 30 and 50 % of the labels.

ResNet-50 with ImageNet weights. The published numbers are of ten crops (tools/test.py on a cell);
in training one crop is tested. For CUB and Aircraft with 30 and 50 % the paper prints the same
numbers of Self-Tuning + Mixup, so at least one of the two pairs is a slip.
"""

# The classifier that the pretrained network came with.
_OLD = dict(
    type="LinearClsHead",
    num_classes=1000,
    in_channels=2048,
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth",
        prefix="head.",
    ),
)


recipes = {
    "cub": "transfer/cub200/self_tuning.py",
    "aircraft": "transfer/fgvc_aircraft/self_tuning.py",
    "cars": "transfer/stanford_cars/self_tuning.py",
}
axes = dict(
    method=[
        *["fine_tuning", "fine_tuning_dm", "bss", "co_tuning", "co_tuning_dm", "self_tuning"],
        *["self_tuning_mixup", "self_tuning_dm"],
    ],
    label_fraction=[0.15, 0.3, 0.5],
    seed=[0, 1, 2],
)
special = [
    dict(where=dict(method=["co_tuning", "co_tuning_dm"]), set=dict(model=dict(source_head=_OLD)))
]
subset_seed = "seed"
metric = "best"
baseline = dict(method="fine_tuning")
published = "transfer"
