"""Semi-supervised methods in a runner: what they are told, and the same weights after a resume."""

import pytest
import torch
from mmengine.hooks import Hook

from tests.engine.small import differing, short, trained
from tests.mixups.waits import Waits

pytestmark = [pytest.mark.slow, pytest.mark.openmmlab]

# Thresholds that a network which knows nothing yet reaches.
DM = dict(mixup=dict(type="Mixup", alpha=0.5), threshold=0.0, mix_threshold=0.0)
METHODS = {
    "PseudoLabel": dict(threshold=0.1),
    "PiModel": {},
    "MeanTeacher": dict(teacher_momentum=0.9),
    "MixMatch": dict(stream_mix=DM),
    "ReMixMatch": {},
    "UDA": dict(threshold=0.1, annealing="linear"),
    "FixMatch": dict(threshold=0.1, stream_mix=DM),
    "FlexMatch": dict(threshold=0.11),
}


def config(root, work_dir, method="FixMatch", epochs=2, workers=0, **settings):
    recipe = root / "configs/semi/quickstart/digits_fixmatch.py"
    cfg = short(recipe, work_dir, epochs, workers)
    cfg.train_dataloader.batch_sampler.update(mu=2, batches=4)
    cfg.model.pop("threshold")
    cfg.model.type = method
    cfg.model.update(METHODS[method])
    cfg.merge_from_dict(settings)
    return cfg


@pytest.mark.parametrize("method", METHODS)
def test_same_weights_after_a_resume(root, tmp_path, method):
    """Of the network, its average, the teacher, and what thresholds and alignment remember."""
    whole = trained(config(root, tmp_path, method)).model.state_dict()
    (tmp_path / "epoch_2.pth").unlink()  # as if it had been stopped in the second epoch
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_1.pth"), encoding="utf-8")
    run = trained(config(root, tmp_path, method, resume=True))
    assert run.iter == 8
    assert differing(run.model.state_dict(), whole) == []
    again = torch.load(tmp_path / "epoch_2.pth", weights_only=False)
    assert again["meta"]["iter"] == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(root, tmp_path, workers):
    whole = trained(config(root, tmp_path / "whole")).model.state_dict()
    run = trained(config(root, tmp_path / "workers", workers=workers))
    assert differing(run.model.state_dict(), whole) == []


class Events(Hook):
    """When the model was told what, by the number of updates."""

    def before_run(self, runner):
        self.told, model = [], runner.model
        for name in ("see_dataset", "start_training", "after_update"):
            setattr(model, name, self.watched(name, getattr(model, name)))

    def watched(self, name, method):
        def tell(*args):
            self.told.append(name)
            method(*args)

        return tell


def test_what_a_model_is_told(root, tmp_path):
    events = Events()
    events.priority = "HIGHEST"
    cfg = config(root, tmp_path, "MeanTeacher", epochs=1)
    cfg.optim_wrapper.accumulative_counts = 2
    trained(cfg, events)
    # Four batches are two updates.
    assert events.told == ["see_dataset", "start_training", "after_update", "after_update"]
    events = Events()
    events.priority = "HIGHEST"
    trained(config(root, tmp_path, "MeanTeacher", resume=True), events)
    assert "start_training" not in events.told  # the teacher goes on


def test_the_learning_rate_scales_with_the_labelled_batch(root, tmp_path):
    cfg = config(root, tmp_path, epochs=1)
    cfg.auto_scale_lr = dict(base_batch_size=20, enable=True)
    run = trained(cfg)
    assert run.optim_wrapper.param_groups[0]["lr"] == pytest.approx(0.015)


@pytest.mark.parametrize("method", METHODS)
def test_a_step_waits_for_nothing(root, tmp_path, monkeypatch, method):
    run = trained(config(root, tmp_path, method, epochs=1))
    batch = next(iter(run.train_dataloader))
    data = run.model.data_preprocessor(batch, training=True)
    # Values of labels are looked at on the CPU only.
    monkeypatch.setattr("dmmix.functional.labels.looks_at_values", lambda *args: False)
    # Outside of the training, a seed is read from the CPU's generator.
    monkeypatch.setattr("dmmix.mixups.randomness._drawn", lambda: 7)
    with Waits() as waits:
        losses = run.model(**data, mode="loss")
        run.model.parse_losses(losses)[0].backward()
    # Quarter turns are drawn and sorted on the CPU, wherever the images are.
    allowed = ["nonzero"] * 3 if method == "ReMixMatch" else []
    assert waits.found == allowed
