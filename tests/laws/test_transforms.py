"""What holds for every transform of a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor

from dmmix.functional import transforms
from dmmix.functional.transforms import (
    draw_crops,
    draw_cutouts,
    draw_erasings,
    draw_noise_like,
    draw_orders,
    draw_resized_crops,
    draw_uniform,
)
from tests.functional.transforms.pictures import LAYOUTS, pictures, same_format
from tests.laws.data import generator
from tests.mixups.waits import Waits

N, SIZE = 6, (9, 12)
BYTES, ANY = (torch.uint8,), (torch.uint8, torch.float32, torch.float64, torch.bfloat16)


@dataclass
class Transform:
    function: Callable[..., Tensor]
    #: What each sample has of its own.
    draws: dict[str, Tensor] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[torch.dtype, ...] = ANY
    #: By how much bytes may differ where the sums are taken in another order.
    step: int = 0


def uniform(low, high):
    return draw_uniform(N, (low, high), generator(1))


FACTOR = {"factor": uniform(0, 2.5)}
JITTERS = ("brightness", "contrast", "saturation")
MOVES = {
    "shear_x": ("shear", 0.5),
    "shear_y": ("shear", 0.5),
    "translate_x": ("offset", 9),
    "translate_y": ("offset", 9),
    "rotate": ("angle", 180),
}
TRANSFORMS = {
    "posterize": Transform(transforms.posterize, {"bits": torch.arange(N) + 1}, dtypes=BYTES),
    "solarize": Transform(transforms.solarize, {"threshold": uniform(0, 255)}, dtypes=BYTES),
    "solarize_add": Transform(transforms.solarize_add, {"addition": uniform(0, 255)}, dtypes=BYTES),
    "sharpness": Transform(transforms.adjust_sharpness, {"factor": uniform(0, 2)}, dtypes=BYTES),
    "autocontrast": Transform(transforms.autocontrast, dtypes=BYTES),
    "equalize": Transform(transforms.equalize, dtypes=BYTES),
    "invert": Transform(transforms.invert, dtypes=BYTES),
    **{
        f"{name}, {kind}": Transform(
            getattr(transforms, name),
            {argument: uniform(-most, most)},
            dict(interpolation=kind, fill=(1, 2, 3)),
            BYTES,
        )
        for name, (argument, most) in MOVES.items()
        for kind in ("nearest", "bilinear", "bicubic")
    },
    **{name: Transform(getattr(transforms, f"adjust_{name}"), FACTOR) for name in JITTERS},
    "jitter": Transform(
        transforms.color_jitter,
        {"order": draw_orders(N, 3, generator()), **dict.fromkeys(JITTERS, FACTOR["factor"])},
    ),
    "crop": Transform(
        transforms.crop, {"corners": draw_crops(N, SIZE, (5, 7), generator())}, dict(size=(5, 7))
    ),
    "padded crop": Transform(
        transforms.crop,
        {"corners": draw_crops(N, (13, 16), SIZE, generator())},
        dict(size=SIZE, padding=2, padding_mode="reflect"),
    ),
    "pad": Transform(transforms.pad, options=dict(padding=(1, 0, 4, 2), pad_val=(0, 1, 0))),
    "flip": Transform(transforms.flip, {"flipped": torch.arange(N) % 3 == 0}),
    "erase": Transform(
        transforms.erase,
        {"boxes": draw_erasings(N, SIZE, generator=generator())},
        dict(fill=(0, 1, 0)),
    ),
    **{
        f"resized crop, {kind}": Transform(
            transforms.resized_crop,
            {"boxes": draw_resized_crops(N, SIZE, generator=generator())},
            dict(size=(7, 10), interpolation=kind),
            step=1,
        )
        for kind in ("bilinear", "bicubic")
    },
    "normalize": Transform(
        transforms.normalize,
        options=dict(mean=torch.tensor([0.4, 0.5, 0.6]), std=torch.tensor([0.2, 0.3, 0.4])),
    ),
}
every_transform = pytest.mark.parametrize("name", TRANSFORMS)
with_dtypes = pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name, transform in TRANSFORMS.items() for dtype in transform.dtypes],
    ids=str,
)


def run(name, images, rows=slice(None), **others):
    transform = TRANSFORMS[name]
    draws = {key: values[rows] for key, values in transform.draws.items()}
    return transform.function(images, **{**draws, **transform.options, **others})


def same(name, ours, theirs):
    step = TRANSFORMS[name].step
    if ours.is_floating_point():
        step *= 8 * torch.finfo(ours.dtype).eps
    assert (ours.double() - theirs.double()).abs().max() <= step


@with_dtypes
def test_each_image_is_on_its_own(name, dtype):
    images = pictures(N, dtype=dtype)
    out = run(name, images)
    assert out.dtype == (
        torch.promote_types(dtype, torch.float32) if name == "normalize" else dtype
    )
    assert len(out) == N
    for rows in (torch.tensor([4, 0, 5, 3, 1, 2]), slice(2, 3)):
        same(
            name,
            run(name, images[rows].contiguous(memory_format=torch.channels_last), rows),
            out[rows],
        )


@with_dtypes
def test_what_is_given_is_not_written_to(name, dtype):
    images = pictures(N, dtype=dtype)
    given = {"images": images, **TRANSFORMS[name].draws}
    before = {key: values.clone() for key, values in given.items()}
    out = run(name, images)
    for key, values in given.items():
        assert torch.equal(values, before[key])
    out.zero_()
    assert torch.equal(images, before["images"])


@with_dtypes
def test_layouts_agree_and_stay(name, dtype):
    outs = []
    for layout in LAYOUTS:
        images = pictures(N, dtype=dtype, layout=layout)
        outs.append(run(name, images))
        if name != "normalize":
            same_format(outs[-1], images)
        elif layout != "strided":
            same_format(outs[-1].to(dtype), images)
    for out in outs[1:]:
        same(name, out, outs[0])


@every_transform
def test_no_images(name):
    for layout in LAYOUTS:
        out = run(name, pictures(0, layout=layout), slice(0, 0))
        assert out.shape == (0, *run(name, pictures(N)).shape[1:])


@every_transform
def test_nothing_waits(name):
    images, checked = pictures(N), "check" in signature(TRANSFORMS[name].function).parameters
    others = dict(check=False) if checked else {}
    with Waits() as waits:
        run(name, images, **others)
    assert waits.found == []


@every_transform
def test_compiles_as_one_graph(name):
    images = pictures(N)
    torch._dynamo.reset()
    compiled = torch.compile(partial(run, name), fullgraph=True, backend="eager")
    assert torch.equal(compiled(images), run(name, images))


@every_transform
def test_autocast_changes_nothing(name):
    images = pictures(N)
    with torch.autocast("cpu", torch.bfloat16):
        out = run(name, images)
    assert torch.equal(out, run(name, images))


@every_transform
def test_errors_of_images_and_of_what_they_are_given(name):
    transform = TRANSFORMS[name]
    with pytest.raises(TypeError, match="images must be a Tensor, got list"):
        run(name, [1])
    with pytest.raises(TypeError, match=r"images must be .*, got torch\.bool"):
        run(name, pictures(N) > 0)
    with pytest.raises(ValueError, match=r"images must be \(N, ch, H, W\), got \(3, 9, 12\)"):
        run(name, pictures(N)[0])
    if transform.dtypes == BYTES:
        with pytest.raises(TypeError, match=r"images must be uint8.*float32"):
            run(name, pictures(N, dtype=torch.float32))
    for key, values in transform.draws.items():
        with pytest.raises(
            ValueError, match=rf"{key if key != 'factor' else ''}.* must be .*\({N}"
        ):
            run(name, pictures(N), **{key: values[:-1]})


DRAWS = {
    "crops": partial(draw_crops, image_size=(8, 9), size=(4, 4)),
    "cutouts": partial(draw_cutouts, image_size=(8, 9), shape=(4, 4)),
    "erasings": partial(draw_erasings, image_size=(8, 9)),
    "resized crops": partial(draw_resized_crops, image_size=(8, 9)),
    "orders": partial(draw_orders, items=4),
    "uniform": partial(draw_uniform, bounds=(-1, 2)),
    "noise": lambda n, generator: draw_noise_like(torch.empty(n, 3, 2, 2), generator),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_come_from_their_generator(draw):
    state = torch.get_rng_state()
    drawn = draw(50, generator=generator(3))
    assert torch.equal(drawn, draw(50, generator=generator(3)))
    assert not torch.equal(drawn, draw(50, generator=generator(4)))
    assert torch.equal(torch.get_rng_state(), state)
    assert draw(0, generator=generator()).shape == (0, *drawn.shape[1:])
