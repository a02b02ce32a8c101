# alpha spreads the scale, not the share: 1 is uniform, as its paper has it. (The decoupled mixup
# paper's code comes to that as well at 0.2, since it draws again what falls outside of the range.)
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="ResizeMix", alpha=1.0)
