"""Backbones for small images that mmpretrain lacks."""
