# CIFAR-100 as one file, data/cifar100.npz: x_train, y_train, x_test, y_test (dmmix data to-npz
# makes it from the publisher's files).
_base_ = "./cifar100.py"

_images = dict(_delete_=True, type="NPZDataset", data_file="data/cifar100.npz", num_classes=100)

train_dataloader = dict(dataset=dict(dataset=dict(**_images, split="train")))
val_dataloader = dict(dataset=dict(dataset=dict(**_images, split="test")))
test_dataloader = val_dataloader
