"""draw_gallery: every mixed sample under its labels."""

import sys

import pytest
import torch
from matplotlib.image import imread

from dmmix.functional import Mixed, MixedLabels
from dmmix.visualization import draw_gallery

NAMES = ["ant", "bee", "cat"]


def mixed(images, classes, shares):
    labels = MixedLabels(torch.tensor(classes), torch.tensor(shares))
    return Mixed(images, labels, torch.arange(len(images)), None)


def captions(figures, row=1):
    (figure,) = figures
    titles = [axis.get_title() for axis in figure.axes]
    columns = len(titles) // 2
    return titles[row * columns : (row + 1) * columns]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written(tmp_path, figures, channels):
    """Images as they are, with no trace of them in what goes in, nor in pyplot, which keeps its
    figures and may need a display."""
    images = torch.rand(2, channels, 8, 6, requires_grad=True)
    row = mixed(1.5 - 2 * images, [[0, 1]] * 2, [[0.5, 0.5]] * 2)  # also below 0 and above 1
    row = row._replace(mask=torch.ones(2, 1, 8, 6))
    before = images.detach().clone(), row.images.detach().clone(), row.labels.shares.clone()
    path, labels = tmp_path / "new" / "folder" / "gallery.png", torch.tensor([2, 0])
    rows, notes = [("one", row), ("two", row)], ["one", "two"]
    draw_gallery(path, images, rows, NAMES, "title", labels=labels, notes=notes)
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 0.05
    (figure,) = figures
    assert [axis.get_title() for axis in figure.axes[:2]] == ["cat", "ant"]
    assert figure.get_supxlabel() == "one\ntwo"  # and nothing of masks, which were not asked for
    for axis, image in zip(figure.axes, [*images, *row.images, *row.images], strict=True):
        shown = torch.as_tensor(axis.images[0].get_array())
        expected = image.detach().clamp(0, 1).permute(1, 2, 0)
        assert torch.equal(shown, expected if channels == 3 else expected[..., 0])
    after = images.detach(), row.images.detach(), row.labels.shares
    assert all(map(torch.equal, before, after))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not any(pyplot.figure(n) is figure for n in pyplot.get_fignums())
    draw_gallery(path, images, [("x", row)], ["a_very_long_class_name", "bee", "c"])
    short, long = (figure.axes[2].title.get_fontsize() for figure in figures)
    assert long < short


def test_captions(tmp_path, figures):
    images = torch.rand(4, 3, 8, 8)
    classes = [[0, 1], [1, 2], [2, 2], [1, 0]]
    shares = [[0.25, 0.75], [0.75, 0.25], [0.4, 0.6], [1.0, 0.0]]
    draw_gallery(tmp_path / "g.png", images, [("CutMix", mixed(images, classes, shares))], NAMES)
    assert captions(figures, row=0) == ["", "", "", ""]
    # The largest share first; two images of one class, or one image alone, are one line.
    assert captions(figures) == [
        "bee: 75 %\nant: 25 %",
        "bee: 75 %\ncat: 25 %",
        "cat: 100 %\n",
        "bee: 100 %\n",
    ]
    assert [axis.get_ylabel() for axis in figures[0].axes[::4]] == ["original", "CutMix"]


def test_the_shares_of_a_pair_sum_to_a_hundred(tmp_path, figures):
    lam = torch.cat([torch.arange(0, 1, 0.125), torch.rand(12, generator=torch.Generator())])
    images = torch.zeros(20, 1, 2, 2)
    labels = MixedLabels(torch.tensor([[0, 1]] * 20), torch.stack([lam, 1 - lam], dim=1))
    draw_gallery(
        tmp_path / "g.png", images, [("x", Mixed(images, labels, torch.arange(20), None))], NAMES
    )
    for caption in captions(figures):
        percents = [int(line.split(": ")[1].rstrip(" %")) for line in caption.splitlines()]
        assert sum(percents) == 100, caption


def test_masks_stand_under_their_images(tmp_path, figures):
    images = torch.rand(2, 3, 4, 6)
    box = torch.ones(2, 1, 4, 6, dtype=torch.bool)
    box[1, :, 1:3, 2:5] = False
    cut = mixed(images, [[0, 1]] * 2, [[0.5, 0.5]] * 2)._replace(mask=box)
    blend = cut._replace(mask=torch.tensor([0.25, 0.75])[:, None, None, None])
    rows = [("cut", cut), ("blend", blend), ("none", cut._replace(mask=None))]
    draw_gallery(tmp_path / "g.png", images, rows, NAMES, masks=True)
    (figure,) = figures
    shown = [torch.as_tensor(axis.images[0].get_array()) for axis in figure.axes]
    assert len(shown) == 12  # originals; two rows and their masks; a row without
    assert torch.equal(shown[4], box[0, 0].float())
    assert torch.equal(shown[5], box[1, 0].float())
    assert torch.equal(shown[9], torch.full((4, 6), 0.75))
    red, green, blue, _ = figure.axes[4].images[0].cmap(1.0)
    assert blue > max(red, green)
    red, green, blue, _ = figure.axes[4].images[0].cmap(0.0)
    assert red > green > blue
    lines = figure.get_supxlabel().split("\n")
    assert " ".join(lines) == "Masks: blue is the original above, orange is what it was mixed with."
    assert len(lines) > 1  # the sheet is narrow


def test_a_mix_that_returns_more_samples_goes_on_in_a_second_row(tmp_path, figures):
    images = torch.rand(2, 1, 4, 6)
    row = mixed(images.repeat(2, 1, 1, 1)[:3], [[0, 1], [1, 2], [2, 0]], [[0.9, 0.1]] * 3)
    draw_gallery(tmp_path / "g.png", images, [("both", row)], NAMES)
    axes = figures[0].axes
    assert [axis.get_ylabel() for axis in axes[::2]] == ["original", "both 1", "both 2"]
    titles = [axis.get_title() for axis in axes[2:]]
    assert titles == ["ant: 90 %\nbee: 10 %", "bee: 90 %\ncat: 10 %", "cat: 90 %\nant: 10 %", ""]
    assert not axes[5].images
    assert not axes[5].axison


def test_many_classes_are_summed_up(tmp_path, figures):
    images = torch.zeros(1, 1, 2, 2)
    names = list("abcdef")
    row = mixed(images, [[0, 1, 2, 3, 4, 0]], [[0.1, 0.4, 0.1, 0.2, 0.0, 0.2]])
    draw_gallery(tmp_path / "g.png", images, [("x", row)], names)
    assert captions(figures) == ["b: 40 %\na: 30 %\n2 more: 30 %"]
    masked = row._replace(mask=torch.ones(1, 1, 2, 2))
    draw_gallery(tmp_path / "g.png", images, [("x", masked)], names, masks=True)
    assert "(of more than two: the largest)" in figures[1].get_supxlabel().replace("\n", " ")
