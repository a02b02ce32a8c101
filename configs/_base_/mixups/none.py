# No mixing.
mixup = None
