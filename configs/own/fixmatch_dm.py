# FixMatch on images of your own, labelled images mixed with unlabelled ones under DM(CE).
_base_ = ["./fixmatch.py", "../_base_/mixups/mixup.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}))
