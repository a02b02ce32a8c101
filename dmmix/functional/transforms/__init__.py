"""Augmentation of whole batches in plain PyTorch: what is random is an argument."""

from dmmix.functional.transforms.affine import (
    affine,
    move_matrices,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
)
from dmmix.functional.transforms.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
    color_jitter,
)
from dmmix.functional.transforms.crop import crop
from dmmix.functional.transforms.draws import (
    draw_crops,
    draw_cutouts,
    draw_erasings,
    draw_noise_like,
    draw_orders,
    draw_resized_crops,
    draw_uniform,
)
from dmmix.functional.transforms.erase import erase
from dmmix.functional.transforms.flip import flip
from dmmix.functional.transforms.normalize import normalize
from dmmix.functional.transforms.padding import pad
from dmmix.functional.transforms.resized_crop import resized_crop
from dmmix.functional.transforms.tone import (
    autocontrast,
    equalize,
    invert,
    posterize,
    solarize,
    solarize_add,
)

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "color_jitter",
    "crop",
    "draw_crops",
    "draw_cutouts",
    "draw_erasings",
    "draw_noise_like",
    "draw_orders",
    "draw_resized_crops",
    "draw_uniform",
    "equalize",
    "erase",
    "flip",
    "invert",
    "move_matrices",
    "normalize",
    "pad",
    "posterize",
    "resized_crop",
    "rotate",
    "shear_x",
    "shear_y",
    "solarize",
    "solarize_add",
    "translate_x",
    "translate_y",
]
