"""draw_curves: mean and spread over seeds."""

from matplotlib.image import imread

from dmmix.visualization import Curve, draw_curves

PANELS = {
    "accuracy, %": {
        "vanilla": [Curve([5, 10, 15], [50, 60, 70]), Curve([5, 10, 15], [54, 62, 90])],
        "CutMix": [Curve([5, 10, 15], [40, 50, 60])],
    },
    "loss": {"CutMix": [Curve([1, 2], [2.0, 1.0])]},
}


def test_a_line_is_the_mean_of_its_seeds_and_a_band_their_range(tmp_path, figures):
    path = tmp_path / "new" / "folder" / "c.png"
    draw_curves(path, PANELS, "title")
    assert imread(path).std() > 0.01
    accuracy, loss = figures[0].axes
    assert [axis.get_ylabel() for axis in (accuracy, loss)] == list(PANELS)
    assert {axis.get_xlabel() for axis in (accuracy, loss)} == {"epoch"}
    vanilla, cutmix = accuracy.lines
    assert vanilla.get_xydata().tolist() == [[5, 52], [10, 61], [15, 80]]
    assert cutmix.get_xydata().tolist() == [[5, 40], [10, 50], [15, 60]]
    (band,) = accuracy.collections  # a single seed has none
    corners = band.get_paths()[0].vertices
    for epoch, low, high in [(5, 50, 54), (10, 60, 62), (15, 70, 90)]:
        at = corners[corners[:, 0] == epoch, 1]
        assert (at.min(), at.max()) == (low, high)
    # A method looks the same in every panel.
    (second,) = loss.lines
    assert cutmix.get_label() == second.get_label() == "CutMix"
    assert cutmix.get_color() == second.get_color() != vanilla.get_color()
    assert cutmix.get_linestyle() == second.get_linestyle() != vanilla.get_linestyle()
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["vanilla", "CutMix"]


def test_a_seed_that_is_behind_shortens_the_curve(tmp_path, figures):
    seeds = [Curve([1, 2, 3], [1, 2, 3]), Curve([1, 2], [3, 4])]
    draw_curves(tmp_path / "c.png", {"loss": {"x": seeds}})
    (line,) = figures[0].axes[0].lines
    assert line.get_xydata().tolist() == [[1, 2], [2, 3]]
