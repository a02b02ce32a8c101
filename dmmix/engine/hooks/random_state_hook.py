"""A resumed run that draws the numbers of the uninterrupted one."""

from typing import Any

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner

from dmmix.compat import CheckpointError
from dmmix.engine.random_states import capture, restore, seed_afresh
from dmmix.registry import HOOKS


@HOOKS.register_module()
class RandomStateHook(Hook):
    r"""Saves the random states of every rank in the checkpoints and restores them on resume.

    States are captured at the end of each epoch (in an iteration-based loop: wherever a checkpoint
    is due), on all ranks, before any other hook acts. Training then goes on *from the captured
    state*, in this run as in a resumed one: whatever validation, plotting or other hooks draw in
    between changes nothing for training.

    What data sets draw for a sample is not among them: under ``DmmixRunner`` it follows from the
    sample's place in training (``DrawnBatch``). With mmengine's
    own loops, a resumed run is exact from the end of an epoch on, with ``num_workers=0`` or with
    :func:`~dmmix.engine.seed_worker` and ``persistent_workers=False``.

    Resuming with another number of ranks seeds all of them afresh from (seed, iteration, rank).

    Config: ``custom_hooks = [dict(type='RandomStateHook')]``.
    """

    # First everywhere: see the class docstring. CheckpointHook, which saves, is near the last.
    priority = "HIGHEST"

    #: Where the states lie in a checkpoint.
    key = "random_states"

    def __init__(self) -> None:
        self._states: list[dict] = []  # of all ranks, as last captured
        self._fresh = False  # no iteration since then
        self._start: dict | None = None  # this rank's, where training goes on from
        self._rewind = False  # ... and has not gone on yet
        self._training = False
        self._loaded: dict | None = None  # the last checkpoint loaded

    # Restoring

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the states; whether this is a resume shows only later.

        Raises:
            dmmix.compat.CheckpointError: The states cannot be restored.
        """
        saved = checkpoint.get(self.key)
        if saved is not None and getattr(runner, "purpose", "resume") == "resume":
            _try(saved, getattr(runner, "loading", None) or "the checkpoint")
        self._loaded = {self.key: saved}

    def before_train(self, runner: Runner) -> None:
        """On resume, choose the states to go on from."""
        self._training = True
        # Weights loaded for fine-tuning leave both counters at 0, and bring no states along.
        if self._loaded is not None and (runner.iter > 0 or runner.epoch > 0):
            self._start = self._resumed(runner, self._loaded[self.key])
        self._loaded = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Go on from the states captured at the end of the last epoch or found on resume.

        Before the data loader's iterator exists: making it draws the workers' seed.
        """
        if self._start is not None:
            restore(self._start)
            self._rewind = True

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Go on from the states captured last.

        Making the loader's iterator has drawn from the generators, if it was made: workers that
        live on have theirs already, but for those of a resumed run.
        """
        if self._rewind and self._start is not None:
            restore(self._start)
            self._rewind = False
        self._fresh = False

    def _resumed(self, runner: Runner, saved: dict | None) -> dict | None:
        if saved is None:
            runner.logger.warning(
                "The checkpoint holds no random states (it was saved without RandomStateHook): "
                "training goes on, but draws other numbers than the uninterrupted run."
            )
            return None
        if saved["world_size"] != get_world_size():
            runner.logger.warning(
                f"The checkpoint was saved by {saved['world_size']} processes and is resumed by "
                f"{get_world_size()}: their random states are seeded afresh from the seed, the "
                "iteration and the rank."
            )
            seed_afresh(runner.seed or 0, runner.iter, get_rank())
            self._capture(runner)
            return self._start
        # Validation that is made up before the first iteration captures nothing else.
        self._states, self._fresh = saved["ranks"], True
        return saved["ranks"][get_rank()]

    # Capturing. Gathering needs every rank, but mmengine calls before_save_checkpoint on the
    # master alone. So it is done beforehand, at the places where all ranks pass.

    def after_train_epoch(self, runner: Runner) -> None:
        """Capture on all ranks."""
        self._capture(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Capture on all ranks if a CheckpointHook is about to save."""
        if saves_now(runner):
            self._capture(runner)

    def before_val(self, runner: Runner) -> None:
        """Capture on all ranks: validation may end in saving the best checkpoint."""
        if self._training and not self._fresh:
            self._capture(runner)

    def after_train(self, runner: Runner) -> None:
        """Validation from here on is not part of training."""
        self._training = False

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the captured states into the checkpoint (on the master)."""
        if self._fresh:
            ranks = self._states
        elif get_world_size() == 1:
            ranks = [capture()]
        else:
            runner.logger.warning(
                "This checkpoint is saved at a moment when the random states of the other ranks "
                "are not known, and holds none."
            )
            return
        checkpoint[self.key] = {"world_size": get_world_size(), "ranks": ranks}

    def _capture(self, runner: Runner) -> None:
        self._start = capture()
        self._states = all_gather_object(self._start)
        self._fresh = self._rewind = True


def _try(saved: dict, file: str) -> None:
    """Restores what a file has for this rank, to see whether that can be done."""
    now = capture()
    try:
        if saved["world_size"] == get_world_size():
            restore(saved["ranks"][get_rank()])
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file} cannot be resumed: its random states are damaged ({error!r}); begin from its "
            "weights with load_from and without resume"
        ) from error
    finally:
        restore(now)


def saves_now(runner: Runner, ends_epoch: bool = False) -> bool:
    """Whether a CheckpointHook is about to save, at the end of an epoch or of an iteration."""
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch != ends_epoch:
            continue
        due = hook.every_n_epochs if ends_epoch else hook.every_n_train_iters
        is_last = hook.is_last_train_epoch if ends_epoch else hook.is_last_train_iter
        if due(runner, hook.interval, hook.save_begin) or (hook.save_last and is_last(runner)):
            return True
    return False
