# The width of the spot is uniform in (0.25, 0.5), as in its paper; no share is drawn from an alpha.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="SmoothMix")
