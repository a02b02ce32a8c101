# FixMatch + DM: mixes of labelled with unlabelled images under DM(CE), the asymmetrical strategy.
_base_ = "./digits_fixmatch.py"

model = dict(stream_mix=dict(mixup=dict(type="Mixup", alpha=0.2)))
