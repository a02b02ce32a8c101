"""tools/benchmarks/semi_step.py: what its table and file hold."""

import json

import pytest
import torch

pytestmark = pytest.mark.openmmlab


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "methods"),
    [("digits", ["FixMatch + Mixup", "FixMatch + DM"]), ("fashion_mnist", ["Supervised"])],
)
def test_rows(run, tmp_path, row, methods):
    """Without the baseline, FixMatch + Mixup, there is no ratio."""
    options = ["--row", row, "--rounds", 1, "--batch-size", 2, "--device", "cpu"]
    shown = run("semi_step", *options, "--methods", *methods, "--out", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert report["environment"]["torch"] == torch.__version__
    assert list(report["rows"]) == methods
    assert report["rows"][methods[0]]["to_baseline"] == (1 if row == "digits" else None)
    for name, found in report["rows"].items():
        assert name in shown
        assert found["milliseconds"] > 0
        assert set(found["parts"]) == {"batch", "views", "network", "update"}
        assert all(share > 0 for share in found["parts"].values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "passes"),
    [
        # Images of each pass, and whether it has a gradient; 2 labelled, 14 unlabelled.
        ("Supervised", [(2, True)]),
        ("FixMatch", [(30, True)]),
        ("FixMatch + DM", [(30, True), (2, True)]),
        ("Mean Teacher", [(16, True), (14, False)]),
        ("MixMatch", [(28, False), (30, True)]),
    ],
)
def test_passes_of_a_step(tool, method, passes):
    tool = tool("semi_step")
    stepper = tool.Stepper("digits", tool.METHODS[method], 2, "cpu")
    assert [(len(images), learns) for images, learns in stepper._passes] == passes


@pytest.mark.slow
def test_the_parts_leave_the_training_alone(tool):
    tool = tool("semi_step")
    stepper = tool.Stepper("digits", tool.METHODS["Mean Teacher"], 2, "cpu")
    weights = {name: w.detach().clone() for name, w in stepper.model.named_parameters()}
    for part in tool.PARTS:
        getattr(stepper, part)()
    assert all(torch.equal(w, weights[name]) for name, w in stepper.model.named_parameters())
    stepper.step()
    assert not all(torch.equal(w, weights[name]) for name, w in stepper.model.named_parameters())
