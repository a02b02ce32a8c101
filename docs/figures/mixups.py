"""Draws docs/figures/mixups/NAME.png: what each mixing method does to two photographs.

    python docs/figures/mixups.py [NAME ...] [--out FOLDER]

Above the two images and the masks, below what they become, for three values of lam. The methods
are dmmix's own. Those that ask a model ask the small network of mixups_data.py, and their pictures
say so.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import mixups_data as data
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from dmmix.functional import Guide, Mixed, mixing
from dmmix.mixups import Mix, RandomPairing, ResizeMix, SpectralResidualSaliency
from dmmix.visualization.gallery import draw_image, draw_mask
from dmmix.visualization.sheet import registered_mixes

HERE = Path(__file__).resolve().parent
LAMS = (0.75, 0.5, 0.3)
TITLES = [f"$\\lambda$ = {lam:g}" for lam in LAMS]
#: For each column its title and the parameters of the method: for those that draw no share, or
#: draw one of several sizes.
COLUMNS = {
    "attentivemix": [(f"{k} of 49 cells", dict(top_k=k)) for k in (6, 12, 24)],
    "guidedmixup": [
        ("gradients", dict(pairing=RandomPairing())),
        ("spectral residual", dict(pairing=RandomPairing(), saliency=SpectralResidualSaliency())),
    ],
    "puzzlemix": [(title, dict(block_num=16)) for title in TITLES],
    "smoothmix": [
        (f"$\\sigma$ = {width:g}", dict(sigma=(width, width))) for width in (0.25, 0.35, 0.5)
    ],
    "resizemix": [(f"$\\tau$ = {tau:g}", dict(scale=(tau, tau))) for tau in (0.3, 0.5, 0.7)],
}
#: Of the places and the noise: those that show well what the method does.
SEEDS = {"cutmix": 4}
INCH = 1.6
NETWORK = (
    "The network was trained for half a minute on crops of the two photographs, to tell the\n"
    "pagoda, the flower and what is around them."
)


def main() -> None:
    known = {name.lower(): name for name in registered_mixes()}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--out", type=Path, default=HERE / "mixups", help="folder to write to")
    args = parser.parse_args()
    for name in args.names:
        if name not in known:
            parser.error(f"no method {name!r}; there are {', '.join(known)}")
    torch.set_num_threads(1)  # the number of threads changes the last digits of the network
    for name in args.names or known:
        path = args.out / f"{name}.png"
        save(PICTURES.get(name, draw_strip)(name, registered_mixes()[known[name]]), path)
        print(path)


def draw_strip(name: str, kind: type[Mix]) -> Figure:
    """The two images, what the network sees in them, and in each column a mask and a mix."""
    titles, options = TITLES, [{}] * len(TITLES)
    if name in COLUMNS:
        titles, options = zip(*COLUMNS[name], strict=True)
    guide = WatchedGuide() if kind().needs else None
    results = [mix_pair(kind(**chosen), SEEDS.get(name, 0), guide) for chosen in options]
    seen = 0 if guide is None else 1
    figure, axes = grid(2, 1 + seen + len(titles))
    show_pair(axes[:, 0])
    if guide is not None:
        for axis, values in zip(axes[:, 1], guide.answer[:: len(LAMS)], strict=True):
            draw_map(axis, values, guide.question)
        figure.supxlabel(NETWORK, fontsize=8, x=0.02, ha="left")
    for column, (title, mixed) in enumerate(zip(titles, results, strict=True)):
        above, below = axes[:, 1 + seen + column]
        draw_mask(above, mixed.mask[column], (data.SIZE, data.SIZE))
        above.set_title(title, fontsize=9, pad=4)
        draw_image(below, mixed.images[column])
        below.set_xlabel(shares(mixed, column), fontsize=9)
    return figure


def draw_regmixup(name: str, kind: type[Mix]) -> Figure:
    """The clean half of the batch and the mixed half, each with its weight in the loss."""
    mixed = mix_pair(kind(), lams=(0.56, 0.47, 0.5))  # as alpha = 20 draws them
    half = len(mixed.images) // 2
    figure, axes = grid(2, 4)
    for row, (title, start) in enumerate([("clean half", 0), ("mixed half", half)]):
        for column, k in enumerate((0, 1, half // 2, half // 2 + 1)):
            draw_image(axes[row, column], mixed.images[start + k])
            axes[row, column].set_xlabel(shares(mixed, start + k), fontsize=9)
        axes[row, 0].set_ylabel(title, fontsize=9)
    return figure


def draw_manifoldmix(name: str, kind: type[Mix]) -> Figure:
    """Features of the two images, stage by stage, and of their mix, from where it is mixed on."""
    first, second = data.pair()
    stages = data.STAGES[:3]
    images = data.normalise(torch.stack([first, second]))
    lam, index = torch.tensor([0.5, 0.5]), torch.tensor([1, 0])
    plain = features(images, Guide(data.network()))
    figure, axes = grid(3, 1 + len(stages))
    for row, image in enumerate((first, second)):
        draw_image(axes[row, 0], image)
        axes[row, 0].set_ylabel(data.NAMES[row], fontsize=9)
    axes[2, 0].set_axis_off()
    axes[2, 1].set_axis_off()
    at = stages[1]
    guide = Guide(data.network(), stages=stages)
    change = partial(mixing.mix_features, lam=lam, index=index)
    later = mixing.mix_later(images, torch.tensor([0, 1]), lam, index)
    with guide.step(later._replace(inside=(mixing.Inside(at, change),))):
        mixed = features(images, guide)
    for column, stage in enumerate(stages, start=1):
        top = plain[stage].amax()
        for row in range(2):
            draw_map(axes[row, column], plain[stage][row], "", top)
        axes[0, column].set_title(f"after stage {column}", fontsize=9, pad=4)
        if stage >= at:
            draw_map(axes[2, column], mixed[stage][0], "", top)
    axes[2, 2].set_xlabel("mean of the two", fontsize=9)
    axes[2, 3].set_xlabel("what becomes of it", fontsize=9)
    axes[2, 1].text(
        *(1, 0.5, "mixed after stage 2, $\\lambda$ = 0.5  "),
        **dict(ha="right", va="center", fontsize=9, transform=axes[2, 1].transAxes),
    )
    figure.supxlabel("Mean of the feature maps. " + NETWORK, fontsize=8, x=0.02, ha="left")
    return figure


def draw_alignmix(name: str, kind: type[Mix]) -> Figure:
    """The last feature maps, each laid over the other, and what is mixed there."""
    images = data.normalise(torch.stack(data.pair()))
    maps = Guide(data.network(), features="stage4").features(images)
    index, keep = torch.tensor([1, 0]), torch.tensor([True, True])
    laid, mixed = (
        mixing.align_features(maps, torch.full((2,), lam), index, keep).mean(1)
        for lam in (0.0, 0.5)
    )
    plain = maps.mean(1)
    figure, axes = grid(2, 4)
    show_pair(axes[:, 0])
    for row, other in enumerate(reversed(data.NAMES)):
        draw_map(axes[row, 1], plain[row], "features", plain.amax())
        draw_map(axes[row, 2], laid[row], f"the {other}, aligned", plain.amax())
        draw_map(axes[row, 3], mixed[row], "mixed, $\\lambda$ = 0.5", plain.amax())
    figure.supxlabel("Mean of the feature maps. " + NETWORK, fontsize=8, x=0.02, ha="left")
    return figure


def draw_transmix(name: str, kind: type[Mix]) -> Figure:
    """As :func:`draw_strip`, with the attention on each mixed image: it labels."""
    guide = Guide(data.transformer(), attention="qkv", heads=data.Transformer.heads)
    mixed = mix_pair(kind(), SEEDS["cutmix"], guide)
    labels, seen = attended(guide, mixed)
    side = round(seen.shape[1] ** 0.5)
    figure, axes = grid(3, 1 + len(LAMS))
    show_pair(axes[:2, 0])
    axes[2, 0].set_axis_off()
    axes[2, 0].text(
        *(1, 0.5, "attention of\nthe class token  "),
        **dict(ha="right", va="center", fontsize=9, transform=axes[2, 0].transAxes),
    )
    for column in range(len(LAMS)):
        draw_mask(axes[0, column + 1], mixed.mask[column], (data.SIZE, data.SIZE))
        axes[0, column + 1].set_title(
            f"pagoda {100 * mixed.mask[column].float().mean():.0f} % by area", fontsize=9, pad=4
        )
        draw_image(axes[1, column + 1], mixed.images[column])
        draw_map(axes[2, column + 1], seen[column].view(side, side), "")
        axes[2, column + 1].set_xlabel(shares(mixed._replace(labels=labels), column), fontsize=9)
    figure.supxlabel(NETWORK, fontsize=8, x=0.02, ha="left")
    return figure


def draw_comixup(name: str, kind: type[Mix]) -> Figure:
    """Four images, what the network sees in them, and the four that are put together of them."""
    views = data.views()
    images = data.normalise(torch.stack(list(views.values())))
    guide = WatchedGuide()
    mixed = kind().mix(images, torch.arange(len(views)), torch.Generator().manual_seed(0), guide)
    figure, axes = grid(3, len(views))
    for column, (title, image) in enumerate(views.items()):
        draw_image(axes[0, column], image)
        axes[0, column].set_title(title, fontsize=9, pad=4)
        draw_map(axes[1, column], guide.answer[column], "")
        draw_image(axes[2, column], data.denormalise(mixed.images[column]))
        axes[2, column].set_xlabel(shares(mixed, column, list(views)), fontsize=9)
    for row, title in enumerate(["images", "saliency", "mixed"]):
        axes[row, 0].set_ylabel(title, fontsize=9)
    figure.supxlabel(NETWORK, fontsize=8, x=0.02, ha="left")
    return figure


PICTURES: dict[str, Any] = {
    "alignmix": draw_alignmix,
    "comixup": draw_comixup,
    "manifoldmix": draw_manifoldmix,
    "regmixup": draw_regmixup,
    "transmix": draw_transmix,
}


class WatchedGuide(Guide):
    """A guide with the network of the photographs that keeps what it answered last.

    Attributes:
        question: what it was asked.
        answer: (N, h, w), where the network looks.
    """

    question: str
    answer: Tensor

    def __init__(self) -> None:
        super().__init__(data.network(), features="stage4", classifier="head", stages=data.STAGES)

    def saliency(self, images: Tensor, labels: Tensor) -> Tensor:
        labels = labels % 3  # views beyond the third are of the first classes again
        self.question, self.answer = "saliency", super().saliency(images, labels)
        return self.answer

    def features(self, *args: Any) -> Tensor:
        found = super().features(*args)
        self.question, self.answer = "attention", found.abs().mean(1)
        return found

    def activation(self, *args: Any) -> Tensor:
        found = super().activation(*args)
        self.question, self.answer = "class activation", found
        return found


def mix_pair(
    mix: Mix, seed: int = 0, guide: Guide | None = None, lams: Sequence[float] = LAMS
) -> Mixed:
    """The pagoda mixed with the flower, a sample for each lam, then the flower with the pagoda; in
    [0, 1]."""
    first, second = data.pair()
    n = len(lams)
    images = data.normalise(torch.stack([first] * n + [second] * n))
    labels = torch.tensor([0] * n + [1] * n)
    lam, index = torch.tensor([*lams, *lams]), torch.arange(2 * n).roll(n)
    for each in getattr(mix, "mixups", [getattr(mix, "mixup", mix)]):
        each.draw_index = lambda *_: index
        if hasattr(each, "pairing"):
            each.pairing.draw = each.draw_index
        if not isinstance(each, ResizeMix):  # the share of the box is that of its scale
            each.draw_lam = partial(_given_first, [lam], each)
    mixed = mix.mix(images, labels, torch.Generator().manual_seed(seed), guide)
    return mixed._replace(images=data.denormalise(mixed.images))


def _given_first(given: list[Tensor], mix: Any, *draws: Any) -> Tensor:
    """The share of the box; what SnapMix takes of the partner has one of its own."""
    return given.pop() if given else type(mix).draw_lam(mix, *draws)


def attended(guide: Guide, mixed: Mixed) -> tuple[Any, Tensor]:
    """The labels of mixed images in [0, 1] after a look at them, and the attention that told."""
    seen: list[Tensor] = []
    rule = mixed.watched[0].rule
    settle = rule.settle
    rule.settle = lambda mixed, attention: seen.append(attention) or settle(mixed, attention)
    with guide.step(mixed) as step, torch.no_grad():
        guide.model(data.normalise(mixed.images))
    return step.settle(), seen[0]


def features(images: Tensor, guide: Guide) -> dict[str, Tensor]:
    """By stage, the (N, h, w) mean of what it returns."""
    found: dict[str, Tensor] = {}
    handles = [
        guide.layers.module(stage).register_forward_hook(
            lambda module, args, output, stage=stage: found.update({stage: output.mean(1)})
        )
        for stage in data.STAGES
    ]
    with torch.no_grad():
        guide.model(images)
    for handle in handles:
        handle.remove()
    return found


def shares(mixed: Mixed, row: int, names: Sequence[str] = data.NAMES) -> str:
    """A line for each class with a share."""
    classes, parts = mixed.labels.classes[row].tolist(), mixed.labels.shares[row].tolist()
    sums = {k: sum(p for c, p in zip(classes, parts, strict=True) if c == k) for k in classes}
    return "\n".join(f"{names[k]} {100 * part:.0f} %" for k, part in sums.items() if part)


def show_pair(axes: Any) -> None:
    for axis, image, name in zip(axes, data.pair(), data.NAMES, strict=True):
        draw_image(axis, image)
        axis.set_title(name, fontsize=9, pad=4)


def draw_map(axis: Any, values: Tensor, title: str, top: Tensor | None = None) -> None:
    """A map of a network: dark is nothing. Fine ones are shown as means over 4 x 4 pixels."""
    if values.shape[-1] == data.SIZE:
        values = torch.nn.functional.avg_pool2d(values[None], 4)[0]
    top = values.amax() if top is None else top
    axis.imshow(values.clamp_min(0) / top, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title, fontsize=9, pad=4)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def grid(rows: int, columns: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(INCH * columns, (INCH + 0.35) * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.02, hspace=0.02)
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure: Figure, path: Path) -> None:
    """As a PNG with a palette: a third of the size, and photographs look the same."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    picture = Image.open(buffer).convert("RGB")
    colours = picture.quantize(200)  # which never dithers, and leaves bands in a sky
    palette = colours.getpalette()
    for k in range(0, len(palette), 3):
        if min(palette[k : k + 3]) > 246:
            palette[k : k + 3] = [255, 255, 255]  # else the paper is a little grey
    colours.putpalette(palette)
    picture = picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


if __name__ == "__main__":
    main()
