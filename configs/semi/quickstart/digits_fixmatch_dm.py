# FixMatch + DM: mixes of labelled with unlabelled images under DM(CE), the asymmetrical strategy.
_base_ = ["./digits_fixmatch.py", "../../_base_/mixups/mixup.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}))
