# top_k: 6 of 7 x 7 cells, as in its paper; it draws no share, so there is no alpha.
mixup = dict(type="AttentiveMix", top_k=6, grid=7)
