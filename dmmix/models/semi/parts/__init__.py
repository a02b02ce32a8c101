"""What the semi-supervised methods are made of."""
