# ResNet-18 on CUB-200-2011: Mixup with DM(CE), where the paper has eta = 1.
_base_ = ["./resnet18.py", "../_base_/mixups/mixup.py", "../_base_/objectives/dm_ce_dynamic.py"]

model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))
