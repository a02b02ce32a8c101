# Batch spectral shrinkage, labelled images mixed with unlabelled ones under DM(CE).
_base_ = ["./bss.py", "../_base_/mixups/mixup.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}))
train_dataloader = dict(dataset=dict(unlabelled="rest"))
