"""What goes between a data set and the training loop: samplers, loaders, how samples are packed."""
