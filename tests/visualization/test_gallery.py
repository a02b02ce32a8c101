"""draw_gallery: every mixed sample under its labels."""

import pytest
import torch
from matplotlib.image import imread

from dmmix.functional import Mixed, MixedLabels
from dmmix.visualization import draw_gallery, gallery

NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, to read what stands in them."""
    drawn = []

    class Kept(gallery.Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            drawn.append(self)

    monkeypatch.setattr(gallery, "Figure", Kept)
    return drawn


def mixed(images, classes, shares):
    labels = MixedLabels(torch.tensor(classes), torch.tensor(shares))
    return Mixed(images, labels, torch.arange(len(images)), None)


def captions(figures, row=1):
    (figure,) = figures
    titles = [axis.get_title() for axis in figure.axes]
    columns = len(titles) // 2
    return titles[row * columns : (row + 1) * columns]


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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written(tmp_path, channels):
    images = torch.rand(3, channels, 8, 8)
    row = mixed(images.flip(0), [[0, 1]] * 3, [[0.5, 0.5]] * 3)
    path = tmp_path / "new" / "folder" / "gallery.png"
    draw_gallery(path, images, [("one", row), ("two", row)], NAMES, "title")
    pixels = imread(path)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 300
    assert pixels.std() > 0.05


def test_images_are_shown_as_they_are(tmp_path, figures):
    images = torch.rand(2, 3, 4, 6)
    row = mixed(1 - images, [[0, 1]] * 2, [[0.5, 0.5]] * 2)
    draw_gallery(tmp_path / "g.png", images, [("x", row)], NAMES)
    shown = [axis.images[0].get_array() for axis in figures[0].axes]
    for array, image in zip(shown, [*images, *(1 - images)], strict=True):
        assert torch.equal(torch.as_tensor(array), image.permute(1, 2, 0))


def test_what_goes_in_is_left_alone(tmp_path):
    images = torch.randn(2, 1, 8, 8, requires_grad=True)  # also below 0 and above 1
    row = mixed(images * 2, [[0, 1]] * 2, [[0.5, 0.5]] * 2)
    before = images.detach().clone(), row.images.detach().clone(), row.labels.shares.clone()
    draw_gallery(tmp_path / "g.png", images, [("x", row)], NAMES)
    assert torch.equal(images, before[0])
    assert torch.equal(row.images, before[1])
    assert torch.equal(row.labels.shares, before[2])


def test_pyplot_is_not_touched(tmp_path):
    """Its figures would pile up in a training run, and its back end may need a display."""
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else None
    images = torch.zeros(1, 1, 2, 2)
    draw_gallery(tmp_path / "g.png", images, [], NAMES)
    if pyplot:
        assert pyplot.get_fignums() == before
    else:
        assert "matplotlib.pyplot" not in sys.modules


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


def test_without_masks_nothing_is_said_of_them(tmp_path, figures):
    images = torch.rand(2, 3, 4, 6)
    row = mixed(images, [[0, 1]] * 2, [[0.5, 0.5]] * 2)._replace(mask=torch.ones(2, 1, 4, 6))
    draw_gallery(tmp_path / "g.png", images, [("x", row)], NAMES)
    assert len(figures[0].axes) == 4
    assert not figures[0].get_supxlabel()


def test_classes_of_the_originals_and_notes(tmp_path, figures):
    images = torch.rand(2, 1, 4, 6)
    labels = torch.tensor([2, 0])
    draw_gallery(tmp_path / "g.png", images, [], NAMES, labels=labels, notes=["one", "two"])
    assert [axis.get_title() for axis in figures[0].axes] == ["cat", "ant"]
    assert figures[0].get_supxlabel() == "one\ntwo"


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


def test_long_names_are_written_smaller(tmp_path, figures):
    images = torch.zeros(1, 1, 2, 2)
    row = mixed(images, [[0, 1]], [[0.5, 0.5]])
    for names in (NAMES, ["a_very_long_class_name", "bee"]):
        draw_gallery(tmp_path / "g.png", images, [("x", row)], names)
    short, long = (figure.axes[1].title.get_fontsize() for figure in figures)
    assert long < short
