"""Hooks that do nothing in a step are not called in it, and all others are, as mmengine does."""

import pytest
from mmengine.hooks import Hook

from tests.engine.faults import runs

pytestmark = pytest.mark.openmmlab

EVENTS = ("before_train_iter", "after_train_iter")


class Seen(Hook):
    """Notes where it is called."""

    def __init__(self):
        self.seen = []

    def note(self, runner, *args, **kwargs):
        self.seen.append(runner.iter)


class ByEvent(Seen):
    after_train_iter = Seen.note


class ByWhatMmengineCalls(Seen):
    def _after_iter(self, runner, batch_idx, data_batch=None, outputs=None, mode="train"):
        if mode == "train":
            self.note(runner)


class OfItsOwn(Seen):
    def __init__(self):
        super().__init__()
        self.after_train_iter = self.note


@pytest.mark.parametrize("kind", [ByEvent, ByWhatMmengineCalls, OfItsOwn])
def test_a_hook_is_called_in_each_step(tmp_path, kind):
    hook, built = kind(), runs.run(tmp_path, None)
    built.register_hook(hook)
    built.train()
    assert hook.seen == list(range(3 * runs.BATCHES))


def test_hooks_that_come_and_go_in_training(tmp_path):
    late, early, changed = ByEvent(), ByEvent(), Seen()

    def at_the_fifth(runner, batch):
        runner.register_hook(late)
        runner.hooks.remove(early)

    built = runs.run(tmp_path, at_the_fifth)
    for hook in (early, changed):
        built.register_hook(hook)
    change = lambda *_: setattr(changed, "after_train_iter", changed.note)  # noqa: E731
    built.register_hook(runs.Spoil(change, at=5))  # whose list of hooks stays the same
    built.train()
    assert early.seen == [0, 1, 2, 3]
    assert late.seen == [4, 5, 6, 7, 8]
    assert changed.seen == [6, 7, 8]  # from the next epoch on


def test_idle_hooks_are_not_called(tmp_path, monkeypatch):
    called = []
    for event in EVENTS:
        monkeypatch.setattr(Hook, event, lambda hook, *args, **kwargs: called.append(hook))
    idle, built = Seen(), runs.run(tmp_path, None)
    built.register_hook(idle)
    built.train()
    assert idle not in called


def test_an_error_of_a_hook_names_it(tmp_path):
    class Wrong(Hook):
        def after_train_iter(self, runner):
            """Takes no batch."""

    built = runs.run(tmp_path, None)
    built.register_hook(Wrong())
    with pytest.raises(TypeError, match=r"batch_idx.* in .*Wrong"):
        built.train()
