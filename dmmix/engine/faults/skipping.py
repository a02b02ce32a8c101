"""Updates that are left out because a loss or a gradient of theirs is not finite."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from dmmix.engine.faults.errors import shown
from dmmix.engine.faults.report import sample_numbers
from dmmix.engine.faults.step_watch import SeenStep, StepWatch


class SkippedUpdates:
    """Looks at each update before it is made, and takes back what its batches did to buffers.

    Buffers are the statistics of BatchNorm, and the queues, thresholds and teachers of the
    semi-supervised methods. One number is read from the device each update; all processes decide
    alike.

    Attributes:
        batches: left out so far.
        in_a_row: left out since the last update that was made.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.in_a_row = 0
        self._losses: list[Tensor] = []
        self._model: nn.Module | None = None
        self._buffers: dict[str, Tensor] = {}

    @torch.no_grad()
    def start(self, model: nn.Module) -> None:
        """Remembers the buffers, before the first batch of an update."""
        self._losses.clear()
        self._model = model
        theirs = dict(model.named_buffers())
        fits = self._buffers.keys() == theirs.keys() and all(
            kept.shape == theirs[name].shape and kept.device == theirs[name].device
            for name, kept in self._buffers.items()
        )
        if fits and theirs:
            torch._foreach_copy_(list(self._buffers.values()), list(theirs.values()))
        else:
            self._buffers = {name: buffer.clone() for name, buffer in theirs.items()}

    def see(self, loss: Tensor) -> None:
        """Takes the loss of a batch."""
        self._losses.append(loss.detach())

    @torch.no_grad()
    def faults(self, gradient: Tensor) -> tuple[bool, bool]:
        """Whether a loss or a buffer is not finite, and whether a gradient is, by the flag of
        :func:`mark_bad_gradients`; in any process."""
        seen = [torch.stack([loss.float().reshape(()) for loss in self._losses]).sum()]
        buffers = [b for b in self._buffers_now().values() if b.is_floating_point() and b.numel()]
        known = [k for k in self._buffers.values() if k.is_floating_point() and k.numel()]
        if buffers:
            # A mask that is infinite by design was so before.
            before, after = (torch.stack(torch._foreach_norm(b)) for b in (known, buffers))
            seen.append(torch.where(torch.isfinite(before), after, 0.0).sum().to(seen[0].device))
        loss = ~torch.isfinite(torch.stack(seen)).all()
        both = torch.stack([loss.float(), gradient[0].to(loss.device)])
        all_reduce(both, op="max")
        loss_is_bad, gradient_is_bad = both.tolist()
        return bool(loss_is_bad), bool(gradient_is_bad)

    @torch.no_grad()
    def undo(self, counts: bool = True) -> None:
        """Puts the buffers back, and counts the batches as left out, unless it is float16's scaler
        that asks for it, which is usual."""
        theirs = self._buffers_now()
        for name, kept in self._buffers.items():
            theirs[name].copy_(kept)
        if counts:
            self.batches += len(self._losses)
            self.in_a_row += len(self._losses)

    def made(self) -> None:
        """The update was made."""
        self.in_a_row = 0

    def _buffers_now(self) -> dict[str, Tensor]:
        return dict(self._model.named_buffers()) if self._model is not None else {}


_IN_A_ROW = 50
_SHOWN = 3
_KEY = "skipped_batches"


class SkipLog:
    """Counts over interruptions, and logs.

    The message hub's ``skipped_batches`` holds the count; it is in checkpoints.
    """

    def __init__(self, runner: Any, skipped: SkippedUpdates) -> None:
        self._skipped = skipped
        skipped.batches = int(runner.message_hub.get_info(_KEY, 0))
        self._told = self._noted = skipped.batches
        self._lines: list[str] = []
        self._first = runner.iter  # of the epoch

    def add(self, runner: Any, step: SeenStep, watch: StepWatch) -> None:
        """Notes the last step of an update that was left out."""
        if self._skipped.batches == self._noted:
            return  # float16's scaler, as usual
        self._noted = self._skipped.batches
        if len(self._lines) == _SHOWN:
            return
        samples = sample_numbers(runner, step, watch.batch_of(step))
        which = "; ".join(f"{name} {shown(numbers)}".strip() for name, numbers in samples.items())
        self._lines.append(f"iteration {step.iteration + 1}" + (f": samples {which}" * bool(which)))

    def report(self, runner: Any, ends_epoch: bool) -> int:
        """Logs what was left out since the last time; how many in a row, if that is a reason to
        end, else 0."""
        skipped = self._skipped
        if skipped.batches > self._told:
            self._told = skipped.batches
            runner.message_hub.update_info(_KEY, skipped.batches)
            runner.logger.warning(
                "step.non_finite='skip': %d batch(es) left out so far, since a loss or a gradient "
                "is not finite; the first since the last log: %s",
                skipped.batches,
                "; ".join(self._lines),
            )
        self._lines.clear()
        done = runner.iter - self._first  # at the end of an epoch the last step is counted
        limit = min(_IN_A_ROW, done) if ends_epoch else _IN_A_ROW
        if ends_epoch:
            self._first = runner.iter
        return skipped.in_a_row if skipped.in_a_row >= limit > 0 else 0
