# The width of the spot is uniform in (0.25, 0.5), as in its paper; it draws no share from an alpha.
mixup = dict(type="SmoothMix")
