# ResNet-18 from scratch on images of your own, 224 x 224, no mixing:
# dmmix train own/resnet18 --data FOLDER
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/own.py",
    "../_base_/models/resnet18.py",
    "../_base_/schedules/sgd_own_100e.py",
]
default_hooks = dict(checkpoint=dict(interval=5, save_best="accuracy/top1"))
images_to_see = 300_000  # with --data: epochs for the size of the folder, 20 to 300
