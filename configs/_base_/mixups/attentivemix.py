# top_k: 6 of 7 x 7 cells, as in its paper; it draws no share, so there is no alpha.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="AttentiveMix", top_k=6, grid=7)
