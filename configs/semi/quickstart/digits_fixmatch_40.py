# FixMatch on the digits with 40 labels in all.
_base_ = "./digits_fixmatch.py"

train_dataloader = dict(dataset=dict(subset=dict(num_labels=40)))
