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

published_by = ("mixup", "recipe", "objective")
published = {
    "mixup": ((78.39, 79.90), (84.58, 85.04), (79.52, 82.66), (85.18, 86.68)),
    "cutmix": ((78.40, 78.76), (85.68, 85.97), (78.84, 81.64), (84.55, 85.75)),
    "manifoldmix": ((79.76, 79.92), (86.38, 86.42), (80.68, 82.57), (86.60, 86.92)),
    "fmix": ((77.28, 80.10), (84.06, 84.85), (79.36, 80.44), (84.85, 85.04)),
    "resizemix": ((78.50, 79.58), (84.77, 84.92), (78.10, 79.54), (84.08, 84.51)),
    "saliencymix": ((77.95, 78.28), (83.29, 84.51), (80.02, 81.31), (84.31, 85.07)),
    "puzzlemix": ((78.63, 78.74), (84.51, 84.67), (80.76, 80.89), (86.23, 86.36)),
    "automix": ((79.87, 81.08), (86.56, 86.74), (81.37, 82.18), (86.69, 86.82)),
    "samix": ((81.11, 81.27), (86.83, 86.95), (82.15, 83.68), (86.80, 87.22)),
}
