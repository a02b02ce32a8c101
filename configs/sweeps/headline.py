"""The headline: ResNet-18 on all of CIFAR-100, 200 epochs, MCE and DM(CE), on one GPU.

Some minutes a cell. The paper's numbers of 200 epochs are those of MCE.
"""

recipes = {"r18": "cifar100/resnet18_200e_fast.py"}
axes = dict(mixup=["mixup", "cutmix"], objective=["mce", "dm_ce"], seed=[0, 1, 2])
baseline = dict(objective="mce")
published = dict(table="cifar100_epochs", epochs=200)
