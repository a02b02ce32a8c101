# No mixing.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = None
