"""step.non_finite='skip': as if the batches that are left out had not been."""

import copy
import math

import pytest
import torch

from dmmix.engine import NonFiniteError, StepOptimWrapper, StepOptions
from tests.engine import test_ema, test_semi_training
from tests.engine.faults import runs
from tests.engine.small import differing, trained

pytestmark = pytest.mark.openmmlab

OPTIMIZERS = {
    "SGD": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, lr=0.01, fused=True),
    "Adam": lambda weights: torch.optim.Adam(weights, lr=0.01),
}
IMAGES = torch.randn(6, 8, 3, 5, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8) % 4


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(),
            torch.nn.Linear(36, 4),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


def all_of(net, wrapper):
    """What training goes on from: weights, buffers, momentum, scale."""
    return copy.deepcopy((net.state_dict(), wrapper.state_dict()))


def stepped(batches, kind="SGD", poison=None, counts=1, **options):
    net = Net()
    wrapper = StepOptimWrapper(
        OPTIMIZERS[kind](net.parameters()),
        accumulative_counts=counts,
        non_finite="skip",
        **options,
    )
    wrapper.initialize_count_status(net, 0, len(batches))
    updated = []
    for k, images in enumerate(batches):
        with wrapper.optim_context(net):
            loss = torch.nn.functional.cross_entropy(net(images), LABELS)
        handle = None
        if poison == k:
            handle = net.layers[3].bias.register_hook(lambda grad: grad * math.nan)
        wrapper.update_params(loss)
        if handle is not None:
            handle.remove()
        updated.append(wrapper.should_update())
    return all_of(net, wrapper), wrapper, updated


def with_nan(images, value=math.nan):
    images = images.clone()
    images[2, 0, 1, 1] = value
    return images


A, B, C, D, E, F = IMAGES
#: Batches, which of them are left out, and how they are trained on.
LEFT_OUT = [
    *(
        ([A, with_nan(B, value), C, D, E], [1], dict(precision=precision, clip_grad=clip_grad))
        for value in (math.nan, math.inf)
        for precision in ("fp32", "bf16", "fp16")
        for clip_grad in (None, {"max_norm": 0.1})
    ),
    ([with_nan(F), A, B], [0], {}),  # before there is any momentum
    ([A, B, C, D], [1], dict(poison=1)),
    ([A, B, with_nan(C), D, E, F], [2, 3], dict(counts=2)),
    ([A, B, C, with_nan(D), E, F], [2, 3], dict(counts=2)),
    # The forward pass overflows; without 'skip' this leaves NaN in BatchNorm's statistics.
    ([A, B * 1e6, C], [1], dict(precision="fp16")),
]


@pytest.mark.parametrize(("batches", "out", "options"), LEFT_OUT)
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_is_left_out_is_as_if_it_had_not_been(kind, batches, out, options):
    found, wrapper, updated = stepped(batches, kind, **copy.deepcopy(options))
    kept = [batch for k, batch in enumerate(batches) if k not in out]
    expected, _, _ = stepped(kept, kind, **copy.deepcopy({**options, "poison": None}))
    assert differing(found, expected) == []
    assert (wrapper.skipped.batches, wrapper.skipped.in_a_row) == (len(out), 0)
    counts = options.get("counts", 1)
    assert updated == [(k + 1) % counts == 0 and k not in out for k in range(len(batches))]


def test_the_scaler_of_float16_leaves_no_trace_in_statistics():
    """Gradients that overflow by the scale: it is halved, and that is all."""
    found, wrapper, _ = stepped([*IMAGES[:3]], poison=1, precision="fp16")
    expected, _, _ = stepped([IMAGES[0], IMAGES[2]], precision="fp16")
    assert wrapper.skipped.batches == 0  # it is not the batch
    assert found[1].pop("loss_scaler")["scale"] == 2.0**15
    assert expected[1].pop("loss_scaler")["scale"] == 2.0**16
    assert differing(found, expected) == []


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"non_finite must be .*'skip', got 'ignore'"):
        StepOptions.from_cfg({"step": {"non_finite": "ignore"}})
    options = StepOptions.from_cfg({"step": {"non_finite": "skip"}})
    with pytest.raises(ValueError, match=r"non_finite='skip' does not go with optim_wrapper.type"):
        options.optim_wrapper({"type": "AmpOptimWrapper", "optimizer": {"type": "SGD"}})


# In a runner


class Drop(runs.Spoil):
    """The batch of one iteration is never trained on: what 'skip' has to be equal to."""

    def before_train(self, runner):
        step = runner.model.train_step

        def train_step(batch, optim_wrapper):
            if runner.iter != self.at:
                return step(batch, optim_wrapper)
            optim_wrapper._inner_count += 1
            optim_wrapper._skipped_at = optim_wrapper._inner_count
            return {}

        runner.model.train_step = train_step

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        pass


def state_of(built):
    hooks = [hook for hook in built.hooks if hasattr(hook, "ema_model")]
    averages = [hook.ema_model.state_dict() for hook in hooks]
    return copy.deepcopy((built.model.state_dict(), built.optim_wrapper.state_dict(), averages))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_run_with_an_average_of_weights(tmp_path, precision):
    step = {"non_finite": "skip", "precision": precision, "fused_optimizer": True}
    deferred = {"default_hooks.runtime_info": {"type": "DeferredInfoHook"}}
    built = test_ema.runner(tmp_path / "skip", step=step, **deferred)
    spoil = runs.Spoil(runs.inputs(math.nan), at=4)
    built.register_hook(spoil)
    built.train()
    other = test_ema.runner(tmp_path / "drop", step=step)
    other.register_hook(Drop(None, at=4))
    other.train()
    assert differing(state_of(built), state_of(other)) == []
    assert built.message_hub.get_info("skipped_batches") == 1
    log = next((tmp_path / "skip").glob("*/*.log")).read_text(encoding="utf-8")
    assert "1 batch(es) left out so far" in log
    assert "iteration 5: samples" in log
    losses = built.message_hub.get_scalar("train/loss").data[0]
    assert len(losses) == 5
    assert all(map(math.isfinite, losses))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["MeanTeacher", "FlexMatch", "ReMixMatch", "FixMatch"])
def test_semi_supervised_methods(root, tmp_path, method):
    """Teachers, thresholds and alignment too."""

    def spoiled(runner, batch):
        losses = runner.model.step_losses

        def once(*args):
            runner.model.step_losses = losses
            return {name: value * math.nan for name, value in losses(*args).items()}

        runner.model.step_losses = once

    states = {}
    for name, hook in {"skip": runs.Spoil(spoiled, at=2), "drop": Drop(None, at=2)}.items():
        cfg = test_semi_training.config(root, tmp_path / name, method)
        cfg.step.non_finite = "skip"
        states[name] = state_of(trained(cfg, hook))
    assert differing(states["skip"], states["drop"]) == []


@pytest.mark.slow
def test_the_count_goes_on_after_a_resume(tmp_path):
    step = {"non_finite": "skip"}
    built = runs.run(
        tmp_path, runs.inputs(math.nan), step, train_cfg={"max_epochs": 2, "by_epoch": True}
    )
    built.train()
    again = runs.run(tmp_path, runs.inputs(math.nan), step, at=7, resume=True)
    again.train()
    assert again.message_hub.get_info("skipped_batches") == 2


@pytest.mark.slow
@pytest.mark.parametrize(("epochs", "in_a_row"), [(3, 3), (40, 50)])
def test_nothing_but_bad_batches_ends_a_run(tmp_path, epochs, in_a_row):
    """All of the first epoch, or fifty in a row."""

    class All(runs.Spoil):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if runner.iter >= (0 if epochs == 3 else 1):
                runs.inputs(math.nan)(runner, data_batch)

    hooks = {"logger": {"type": "LoggerHook", "interval": 1}}
    cfg = {"by_epoch": True, "max_epochs": epochs}
    if epochs != 3:
        cfg = {"by_epoch": False, "max_iters": 200}
    built = runs.run(tmp_path, None, {"non_finite": "skip"}, train_cfg=cfg, default_hooks=hooks)
    built.register_hook(All(None))
    with pytest.raises(NonFiniteError, match=f"left out {in_a_row} batches in a row"):
        built.train()
    bad = runs.run(tmp_path / "weights", runs.unused_weight, {"non_finite": "skip"})
    with pytest.raises(NonFiniteError, match="weights spare"):
        bad.train()
    assert not list((tmp_path / "weights").glob("epoch_2.pth"))
