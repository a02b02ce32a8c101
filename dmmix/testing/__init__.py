"""Checks that users can hold mixes against: their own, timm's, torchvision's or ours."""

from dmmix.testing.provenance import assert_labels_match_pixels, recover_shares

__all__ = ["assert_labels_match_pixels", "recover_shares"]
