"""A resumed run ends as an uninterrupted one of its config would."""

import json
import random
import re
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from dmmix.compat import CheckpointError
from dmmix.engine import DmmixRunner
from dmmix.registry import MODELS
from tests.engine.small import differing, log_of
from tests.fresh import forget_mmengine

pytestmark = pytest.mark.openmmlab

EPOCHS, SAMPLES, BATCH = 4, 12, 3
COSINE = dict(type="CosineAnnealingLR", by_epoch=True, T_max=EPOCHS)
WARM_UP = dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=6)


@MODELS.register_module()
class Resumed(BaseModel):
    """Draws in training, and keeps what it drew and what data it saw."""

    def __init__(self, width=4):
        super().__init__()
        self.body = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 1)
        self.seen, self.drawn = [], []

    def forward(self, inputs, mode="tensor"):
        inputs = torch.stack(inputs)
        out = self.head(self.norm(self.body(inputs)).relu())
        if mode == "predict":
            random.random()
            torch.rand(3)
            return [out.detach().mean()]
        self.seen.append(inputs.tolist())
        noise = torch.randn_like(out)
        self.drawn.append(noise.flatten().tolist())
        return {"loss": (out + 0.1 * noise - 1).square().mean()}


class Draws(torch.utils.data.Dataset):
    """Three numbers, one of each generator, beside the number of the sample."""

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        drawn = [random.random() + index, float(np.random.rand()), float(torch.rand(()))]
        return {"inputs": torch.tensor(drawn)}


class Fixed(Draws):
    def __getitem__(self, index):
        return {"inputs": torch.tensor([float(index), 1.0, -0.5 * index])}


class Scores(Evaluator):
    """Best in the second epoch, so that what was lost of it shows."""

    def __init__(self):
        super().__init__([])
        self.made = []

    def process(self, data_samples, data_batch=None):
        self.output = float(data_samples[0])

    def evaluate(self, size):
        self.made.append(self.output)
        return {"accuracy": self.output}


class Killed(RuntimeError):
    pass


class KillAt(Hook):
    """Ends the run at a place, as a signal would."""

    priority = "LOWEST"

    def __init__(self, place, count):
        self.left = count
        setattr(self, place, lambda *args, **kwargs: self._here())

    def _here(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


class Rates(Hook):
    priority = "VERY_HIGH"

    def __init__(self):
        self.seen = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        group = runner.optim_wrapper.param_groups[0]
        self.seen[runner.iter] = [
            group[key] for key in ("lr", "weight_decay", "momentum") if key in group
        ]


def runner(
    folder,
    *,
    schedule=(COSINE,),
    optimizer=None,
    wrapper=None,
    loop=None,
    checkpoint=None,
    loader=None,
    kill=None,
    seed=0,
    randomness=None,
    validate=True,
    **settings,
):
    loop = {"by_epoch": True, "max_epochs": EPOCHS} if loop is None else loop
    randomness = randomness or dict(seed=seed)
    data = dict(
        batch_size=BATCH,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=True),
    )
    cfg = Config(
        dict(
            model=dict(type="Resumed"),
            train_dataloader=dict(data, **(loader or {})),
            train_cfg=loop,
            optim_wrapper=dict(
                optimizer=optimizer or dict(type="SGD", lr=0.1, momentum=0.9), **(wrapper or {})
            ),
            param_scheduler=list(schedule),
            randomness=randomness,
            **settings,
        )
    )
    forget_mmengine()
    torch.manual_seed(0)  # the model is made before the runner, and its seed
    return DmmixRunner(
        Resumed(),
        str(folder),
        train_dataloader=dict(cfg.train_dataloader, dataset=Draws()),
        train_cfg=dict(cfg.train_cfg),
        val_dataloader=dict(data, dataset=Fixed()) if validate else None,
        val_cfg={} if validate else None,
        val_evaluator=Scores() if validate else None,
        optim_wrapper=cfg.optim_wrapper,
        param_scheduler=[dict(one) for one in cfg.param_scheduler],
        default_hooks=dict(
            logger=dict(type="LoggerHook", interval=1, log_metric_by_epoch=loop["by_epoch"]),
            checkpoint=dict(
                type="CheckpointHook",
                interval=1,
                save_best="accuracy" if validate else None,
                rule="greater" if validate else None,
                **(checkpoint or {}),
            ),
        ),
        custom_hooks=[Rates(), *([KillAt(*kill)] if kill else [])],
        experiment_name=uuid.uuid4().hex,
        randomness=randomness,
        cfg=cfg,
        **{key: settings[key] for key in ("resume", "load_from") if key in settings},
    )


def rates(made):
    return next(hook.seen for hook in made.hooks if isinstance(hook, Rates))


def interrupted(folder, kill, **settings):
    made = runner(folder, kill=kill, **settings)
    with pytest.raises(Killed):
        made.train()
    return made


def trained(folder, **settings):
    made = runner(folder, **settings)
    made.train()
    return made


def resumed(folder, kill, new=None, **settings):
    """A run that was killed and goes on, with other settings if there are ``new`` ones."""
    interrupted(folder, kill, **settings)
    return trained(folder, resume=True, **(settings if new is None else new))


def state(made):
    """Weights, statistics and momentum, flat."""
    found = dict(made.model.state_dict())
    for k, part in made.optim_wrapper.state_dict()["state"].items():
        found.update({f"{k}/{name}": torch.as_tensor(value) for name, value in part.items()})
    return found


ADAM = dict(optimizer=dict(type="AdamW", lr=0.01))
HEAD_GROUP = dict(wrapper=dict(paramwise_cfg=dict(custom_keys={"head": dict(lr_mult=10.0)})))
BY_ITER = dict(by_epoch=False, max_iters=16, val_interval=4)
LOOPS = {
    "epochs": {},
    "iterations": dict(
        loop=BY_ITER,
        checkpoint=dict(by_epoch=False),
        schedule=(dict(type="CosineAnnealingLR", by_epoch=False, T_max=16),),
    ),
}


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("place", ["before_val", "after_val_epoch"])
@pytest.mark.parametrize("count", [2, EPOCHS])
def test_a_validation_that_was_not_come_to_is_made_up(tmp_path, kind, place, count):
    """Of the last one too: the number of a finished run was another one."""
    settings = LOOPS[kind]
    whole = trained(tmp_path / "whole", **settings)
    parts = resumed(tmp_path / "parts", (place, count), **settings)
    assert differing(state(whole), state(parts)) == []
    info, same = (made.message_hub.runtime_info for made in (whole, parts))
    assert same["best_score"] == info["best_score"]
    assert Path(same["best_ckpt"]).name == Path(info["best_ckpt"]).name
    names = [
        sorted(file.name for file in Path(made.work_dir).glob("*.pth")) for made in (whole, parts)
    ]
    assert names[0] == names[1]
    # In all, each epoch has its number.
    kept = {}
    for file in sorted((tmp_path / "parts").glob("*/vis_data/scalars.json")):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if "accuracy" in record:
                kept[record["step"]] = record["accuracy"]
    assert list(kept.values()) == pytest.approx(whole.val_loop.evaluator.made)
    again = len(parts.val_loop.evaluator.made) - (EPOCHS - count)
    assert again == (1 if place == "before_val" else again in (0, 1) and again)


def test_a_validation_that_was_made_is_not_made_again(tmp_path):
    """Where the checkpoint can say so: it was saved anew with the best one."""
    parts = resumed(tmp_path, ("after_train_iter", 5))  # the first epoch was the best so far
    assert len(parts.val_loop.evaluator.made) == EPOCHS - 1
    assert "made up" not in log_of(parts)


LONGER = dict(type="CosineAnnealingLR", by_epoch=True, T_max=2 * EPOCHS)
OTHER = {
    "longer": dict(loop=dict(by_epoch=True, max_epochs=2 * EPOCHS), schedule=(LONGER,)),
    "another rate": dict(optimizer=dict(type="SGD", lr=0.02, momentum=0.9)),
    "weight decay": dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.5, weight_decay=0.01)),
    "a warm-up": dict(schedule=(WARM_UP, dict(COSINE, begin=1))),
    "steps": dict(schedule=(dict(type="MultiStepLR", by_epoch=True, milestones=[1, 3]),)),
    "no schedule left": dict(schedule=(dict(type="ConstantLR", factor=1.0, by_epoch=True),)),
    "another batch size": dict(loader=dict(batch_size=2), schedule=(WARM_UP, COSINE)),
    "the same": {},
}


@pytest.mark.parametrize("what", OTHER)
@pytest.mark.parametrize("before", [(COSINE,), (WARM_UP, COSINE)])
def test_the_config_wins(tmp_path, what, before):
    """The rates are those of an uninterrupted run of the new config, to the last bit."""
    new = {"schedule": before, **OTHER[what]}
    whole = trained(tmp_path / "whole", **new)
    parts = resumed(tmp_path / "parts", ("after_train_iter", 9), new, schedule=before)
    went_on = rates(parts)
    length = SAMPLES // new.get("loader", {}).get("batch_size", BATCH)
    assert min(went_on) == 2 * length
    assert went_on == {step: rate for step, rate in rates(whole).items() if step >= 2 * length}
    log = log_of(parts)
    assert ("was trained with other settings" in log) is (what != "the same")
    if what == "longer":
        assert re.search(rf"train_cfg.max_epochs +{EPOCHS} +{2 * EPOCHS}$", log, re.MULTILINE)
    if what == "another batch size":
        assert "train_dataloader.batch_size" in log


def test_a_schedule_that_goes_by_validations(tmp_path):
    """What it has seen is the checkpoint's; the rate is in proportion to the config's."""
    plateau = dict(type="ReduceOnPlateauLR", monitor="accuracy", rule="less", factor=0.5)
    # Nothing is ever better: each validation halves the rate.
    settings = dict(schedule=(dict(plateau, patience=0, threshold=10.0),))
    whole = trained(tmp_path / "whole", **settings)
    parts = resumed(tmp_path / "parts", ("before_val", 3), **settings)
    assert rates(parts) == {step: rate for step, rate in rates(whole).items() if step >= 12}
    assert differing(state(whole), state(parts)) == []
    double = dict(settings, optimizer=dict(type="SGD", lr=0.2, momentum=0.9))
    doubled = resumed(tmp_path / "double", ("before_val", 3), double, **settings)
    assert {k: rate[0] for k, rate in rates(doubled).items()} == {
        k: pytest.approx(2 * rate[0]) for k, rate in rates(parts).items()
    }


def test_another_optimiser_starts_anew_and_says_so(tmp_path):
    parts = resumed(tmp_path, ("after_train_iter", 9), ADAM)
    log = log_of(parts)
    assert "of the optimiser's state: it starts anew: the checkpoint's has no exp_avg" in log
    assert "optim_wrapper.optimizer.type" in log
    assert torch.isfinite(torch.cat([value.flatten() for value in state(parts).values()])).all()


def test_groups_are_others_and_each_weight_keeps_its_momentum(tmp_path):
    """mmengine numbers the state by the order of the groups."""
    interrupted(tmp_path, ("after_train_iter", 9))
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    names = saved["weights_of_optimizer"]
    assert len(names) == 6
    parts = runner(tmp_path, resume=True, kill=("after_train_iter", 1), **HEAD_GROUP)
    seen = {}

    class Look(Hook):
        priority = "VERY_HIGH"

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            optimizer = runner.optim_wrapper.optimizer
            for name, weight in runner.model.named_parameters():
                seen[name] = optimizer.state[weight]["momentum_buffer"].clone()

    parts.register_hook(Look())
    with pytest.raises(Killed):
        parts.train()
    assert len(parts.optim_wrapper.param_groups) > 1
    for k, name in enumerate(names):
        assert torch.equal(seen[name], saved["optimizer"]["state"][k]["momentum_buffer"])


def without_names(saved):
    del saved["weights_of_optimizer"], saved["settings"]


def names_are(names):
    return lambda saved: saved.update(weights_of_optimizer=names)


BOTH = dict(schedule=(WARM_UP, COSINE))
#: What is changed in a checkpoint, how it is resumed, what an error says, or else the log.
SAYS = [
    (names_are("abc"), {}, "its weights_of_optimizer are 'abc', and must name 6 weights"),
    (names_are(["a", "b"]), {}, "must name 6 weights"),
    (without_names, HEAD_GROUP, "has 6 groups of 6 weights, and that of the"),
    (without_names, {}, None, "says nothing of its settings"),
    (lambda saved: saved.pop("settings"), ADAM, None, "of the optimiser's state: it starts anew"),
    (lambda saved: saved["settings"].update(batches_in_epoch=-3), {}, None),
    (lambda saved: saved.update(settings=[1]), {}, None),
    (lambda saved: saved["meta"].update(epoch=10**12, iter=4 * 10**12), BOTH, None),
]


@pytest.mark.parametrize("case", SAYS)
def test_what_a_file_says_of_its_run(tmp_path, case):
    """It is refused or taken for what it is; a number in it makes nobody wait."""
    change, settings, error, *told = case
    interrupted(tmp_path, ("after_train_iter", 9))
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    change(saved)
    torch.save(saved, tmp_path / "epoch_2.pth")
    made = runner(tmp_path, resume=True, **settings)
    if error is None:
        made.train()
        assert all(text in log_of(made) for text in told)
    else:
        with pytest.raises(CheckpointError, match=f"epoch_2.pth cannot be resumed: .*{error}"):
            made.train()


WITHIN = {
    "epochs": dict(checkpoint=dict(by_epoch=False)),
    "iterations": dict(LOOPS["iterations"]),
    "endless": dict(
        LOOPS["iterations"], loader=dict(sampler=dict(type="InfiniteSampler", shuffle=True))
    ),
}


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", WITHIN)
@pytest.mark.parametrize("done", [2, 7])
def test_it_goes_on_in_the_middle_of_an_epoch(tmp_path, kind, done, workers):
    """With the batch, and all that is random in it, that the uninterrupted run had there."""
    settings = dict(WITHIN[kind], validate=False)
    more = dict(num_workers=workers, persistent_workers=workers > 0)
    settings["loader"] = {**settings.get("loader", {}), **more}
    whole = trained(tmp_path / "whole", **settings)
    parts = resumed(tmp_path / "parts", ("after_train_iter", done + 1), **settings)
    assert (whole.iter, len(parts.model.seen)) == (16, 16 - min(rates(parts)))
    assert min(rates(parts)) in (done, done + 1)  # the last one was saved, or was about to be
    assert parts.model.seen == whole.model.seen[-len(parts.model.seen) :]
    assert differing(state(whole), state(parts)) == []


def test_what_is_drawn_for_a_sample_does_not_hang_on_the_workers(tmp_path):
    seen = []
    for workers in (0, 1, 2):
        loader = dict(num_workers=workers)
        seen.append(trained(tmp_path / str(workers), loader=loader, validate=False).model.seen)
    assert seen[0] == seen[1] == seen[2]
    samples = [tuple(sample) for batch in seen[0] for sample in batch]
    assert len(set(samples)) == EPOCHS * SAMPLES  # nothing is drawn twice


@pytest.mark.parametrize(
    ("settings", "done", "new", "says"),
    [
        (
            dict(checkpoint=dict(by_epoch=False)),
            7,
            dict(loader=dict(batch_size=2)),
            "3 batches into an epoch of 4, and an epoch has 6",
        ),
        (LOOPS["iterations"], 7, {}, r"its iteration \d is not in its epoch 1"),
        ({}, 9, dict(seed=1), r"seed 0, and the config says 1: resume with"),
    ],
)
def test_what_is_refused(tmp_path, settings, done, new, says):
    interrupted(tmp_path, ("after_train_iter", done), validate=False, **settings)
    with pytest.raises(CheckpointError, match=says):
        trained(tmp_path, resume=True, validate=False, **new)


def test_without_a_seed_that_of_the_checkpoint_orders_the_data_too(tmp_path):
    first = interrupted(tmp_path / "parts", ("after_train_iter", 9), seed=None)
    whole = trained(tmp_path / "whole", seed=first.seed)
    parts = trained(tmp_path / "parts", resume=True, seed=None)
    assert parts.seed == first.seed
    assert differing(state(whole), state(parts)) == []


def test_the_settings_are_plain_data(tmp_path):
    runner(tmp_path, loop=dict(by_epoch=True, max_epochs=1), validate=False).train()
    settings = torch.load(tmp_path / "epoch_1.pth", weights_only=True)["settings"]
    assert json.loads(json.dumps(settings)) == settings
    assert settings["model"] == {"type": "Resumed"}
    assert settings["batches_in_epoch"] == 4
    assert "num_workers" not in settings["train_dataloader"]


def test_all_is_trained(tmp_path):
    runner(tmp_path).train()
    again = trained(tmp_path, resume=True)
    assert f"All {EPOCHS} epochs are trained: there is nothing to go on with" in log_of(again)
