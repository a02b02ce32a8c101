# Fashion-MNIST as one file, data/fashion_mnist.npz: x_train, y_train, x_test, y_test, 28 x 28
# pixels (dmmix data to-npz makes it from the publisher's files).
_base_ = "./npz.py"

data_file = "data/fashion_mnist.npz"

data_preprocessor = dict(
    mean=[72.94],
    std=[90.02],
    batch_transforms=[
        dict(type="BatchRandomCrop", crop_size=28, padding=2),
        dict(type="BatchRandomFlip", prob=0.5),
    ],
)
train_dataloader = dict(dataset=dict(dataset=dict(data_file=data_file)))
val_dataloader = dict(dataset=dict(dataset=dict(data_file=data_file)))
test_dataloader = val_dataloader
