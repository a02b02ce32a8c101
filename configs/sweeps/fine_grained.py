"""CUB-200-2011 and FGVC-Aircraft from ImageNet weights, 200 epochs, MCE against DM(CE)."""

recipes = {
    "cub_r18": "cub200/resnet18.py",
    "cub_rx50": "cub200/resnext50.py",
    "air_r18": "fgvc_aircraft/resnet18.py",
    "air_rx50": "fgvc_aircraft/resnext50.py",
}
axes = dict(
    recipe=list(recipes),
    mixup=["mixup", "cutmix", "manifoldmix", "fmix", "resizemix", "saliencymix", "puzzlemix"],
    objective=["mce", "dm_ce"],
    seed=[0, 1, 2],
)
baseline = dict(objective="mce")
published = "fine_grained"
