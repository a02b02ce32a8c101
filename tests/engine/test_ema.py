"""The moving average: weights and buffers, in tests, checkpoints and after a resume."""

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import ExponentialMovingAverage as StockAverage
from torch.testing import assert_close

from dmmix.engine import EMAHook, ExponentialMovingAverage
from tests.engine import small

pytestmark = pytest.mark.openmmlab


FUSED = {"channels_last": True, "fused_optimizer": True}


def small_net():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(6, 3)
    )


def runner(work_dir, epochs=2, step=None, **options):
    return small.runner(
        work_dir,
        step,
        options,
        train_cfg={"by_epoch": True, "max_epochs": epochs},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}},
        default_hooks={
            "checkpoint": {"type": "CheckpointHook", "interval": 1},
            "ema": {"type": "EMAHook", "momentum": 0.1},
        },
        **small.VALIDATED,
    )


def hook_of(run):
    return next(hook for hook in run.hooks if isinstance(hook, EMAHook))


class Follow:
    """Averages beside the hook, in float64, from what the model is after each iteration."""

    def __init__(self, run, momentum, counts=1):
        self.average, self.momentum = None, momentum
        hook, self.seen = hook_of(run), 0
        after = hook.after_train_iter

        def follow(r, *args, **kwargs):
            self.seen += 1
            if self.seen % counts == 0:
                self.take({k: v.clone() for k, v in r.model.state_dict().items()})
            after(r, *args, **kwargs)

        hook.after_train_iter = follow

    def take(self, state):
        if self.average is None:
            self.average = {k: v.double() for k, v in state.items()}
        for name, value in state.items():
            if value.is_floating_point():
                old = self.average[name]
                self.average[name] = old + self.momentum * (value.double() - old)
            else:
                self.average[name] = value


# The average


@pytest.mark.parametrize("buffers", [True, False])
@pytest.mark.parametrize("interval", [1, 2])
def test_it_is_that_of_mmengine_where_that_is_right(buffers, interval):
    net = small_net()
    options = dict(momentum=0.3, interval=interval, update_buffers=buffers)
    ours, theirs = ExponentialMovingAverage(net, **options), StockAverage(net, **options)
    for _ in range(6):
        with torch.no_grad():
            for tensor in [*net.parameters(), *net.buffers()]:
                tensor.add_(torch.rand(tensor.shape) if tensor.is_floating_point() else 1)
        ours.update_parameters(net)
        theirs.update_parameters(net)
        for (name, a), b in zip(
            ours.state_dict().items(), theirs.state_dict().values(), strict=True
        ):
            if "num_batches" not in name:
                assert_close(a, b, rtol=1e-6, atol=1e-6)
    last = [6] if interval == 1 or not buffers else [5]
    assert [int(b) for n, b in ours.named_buffers() if "num_batches" in n] == last
    assert int(ours.steps) == 6


def test_a_loaded_average_goes_on_where_it_was():
    net = small_net()
    first, second, fresh = (ExponentialMovingAverage(net, momentum=0.5) for _ in range(3))
    for average in (first, second, first, fresh):
        average.update_parameters(net)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        net[0].weight.add_(1)
    fresh.load_state_dict({**first.state_dict(), "steps": torch.tensor(0)})
    for average in (first, second, fresh):  # the first update copies
        average.update_parameters(net)
    assert torch.equal(first.module[0].weight, second.module[0].weight)
    assert not torch.equal(first.module[0].weight, net[0].weight)
    assert torch.equal(fresh.module[0].weight, net[0].weight)


# In a run


@pytest.mark.parametrize("step", [None, FUSED])
def test_what_is_tested_and_saved(tmp_path, step):
    run = runner(tmp_path, step=step)
    assert type(hook_of(run)) is EMAHook
    follow, tested = Follow(run, 0.1), []
    step_of = type(run.model).val_step

    def val_step(self, data):
        tested.append({k: v.clone() for k, v in self.state_dict().items()})
        return step_of(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run.model), "val_step", val_step)
        run.train()
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=False)
    trained, average, ema = run.model.state_dict(), saved["state_dict"], saved["ema_state_dict"]
    assert isinstance(hook_of(run).ema_model, ExponentialMovingAverage)
    for name, expected in follow.average.items():
        expected = expected.to(trained[name].dtype)
        assert_close(tested[-1][name], expected, rtol=1e-4, atol=1e-6)
        assert_close(average[name], expected, rtol=1e-4, atol=1e-6)
        assert torch.equal(ema[f"module.{name}"], trained[name])
    different = {name for name in trained if not torch.equal(average[name], trained[name])}
    running = {name for name in trained if "running_" in name}
    assert set() < running < different
    assert {int(average[name]) for name in trained if "num_batches_tracked" in name} == {6}


@pytest.mark.parametrize("step", [None, {**FUSED, "precision": "bf16"}, {"precision": "fp16"}])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, step):
    """Three batches in groups of two: each epoch ends with an incomplete group. Histories too."""
    options = {
        "optim_wrapper.accumulative_counts": 2,
        "optim_wrapper.clip_grad.max_norm": 1.0,
        "default_hooks.runtime_info": {"type": "DeferredInfoHook"},
        "param_scheduler": {"type": "CosineAnnealingLR", "T_max": 4, "end": 4},
    }

    def trained(folder, epochs, **more):
        run = runner(tmp_path / folder, epochs, step, **options, **more)
        run.train()
        scalars = run.message_hub.log_scalars
        wrapper, average = run.optim_wrapper, hook_of(run).ema_model
        states = [each.state_dict() for each in (run.model, average, wrapper)]
        names = ("train/loss", "train/grad_norm", "train/lr")
        return states, wrapper.inner_count, [scalars[name].data[0].tolist() for name in names]

    whole = trained("whole", 4)
    trained("parts", 2)
    assert small.differing(whole, trained("parts", 4, resume=True)) == []
    assert ("loss_scaler" in whole[0][2]) is ((step or {}).get("precision") == "fp16")
    assert whole[1] == len(whole[2][0]) == 12


def test_a_compiled_step(tmp_path):
    torch._dynamo.reset()
    plain = runner(tmp_path / "plain", 1)
    plain.train()
    compiled = runner(tmp_path / "compiled", 1, {"compile": {"backend": "eager"}})
    compiled.train()
    for name, tensor in hook_of(plain).ema_model.state_dict().items():
        assert_close(tensor, hook_of(compiled).ema_model.state_dict()[name], rtol=1e-4, atol=1e-5)
    first = next(compiled.model.parameters())
    assert not torch.equal(first, next(hook_of(compiled).ema_model.parameters()))


def test_it_moves_when_the_weights_do(tmp_path):
    """Four batches an epoch, two an update."""
    run = runner(
        tmp_path, **{"optim_wrapper.accumulative_counts": 2, "train_dataloader.batch_size": 15}
    )
    follow = Follow(run, 0.1, counts=2)
    run.train()
    assert int(hook_of(run).ema_model.steps) == 4
    for name, expected in follow.average.items():
        found = hook_of(run).ema_model.module.state_dict()[name]
        assert_close(found, expected.to(found.dtype), rtol=1e-4, atol=1e-6)


def test_until_it_begins_it_is_a_copy(tmp_path):
    run = runner(tmp_path, **{"default_hooks.ema.begin_epoch": 2})
    hook = hook_of(run)
    copies = []
    after = hook.after_train_epoch

    def look(r):
        weights = zip(r.model.parameters(), hook.ema_model.module.parameters(), strict=True)
        copies.append(all(torch.equal(a, b) for a, b in weights))
        after(r)

    hook.after_train_epoch = look
    run.train()
    assert copies == [True, False]


def test_hooks_that_look_after_validation_see_the_average(tmp_path):
    seen = []

    class LookAfterwards(Hook):
        def after_val_epoch(self, runner, metrics=None):
            seen.append(next(runner.model.parameters()).clone())

    run = runner(tmp_path)
    run.register_hook(LookAfterwards())
    run.train()
    assert torch.equal(seen[-1], next(hook_of(run).ema_model.module.parameters()))


@pytest.mark.parametrize(
    ("momentum", "says"),
    [(0.99996, "got 0.99996; for a decay of 0.99996 it is 4e-05"), (0, "got 0"), (1.5, "got 1.5$")],
)
def test_a_decay_is_no_momentum_and_other_averages_have_none(tmp_path, momentum, says):
    with pytest.raises(ValueError, match=f"momentum is the share of the new weights.*{says}"):
        EMAHook(momentum=momentum)
    hook = EMAHook(ema_type="StochasticWeightAverage")
    hook.before_run(runner(tmp_path, 1))
    assert type(hook.ema_model).__name__ == "StochasticWeightAverage"
    assert hook.ema_model.update_buffers is True
