"""Updates that are left out because a loss or a gradient of theirs is not finite."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

__all__ = ["SkippedUpdates"]


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
        """Whether a loss or a buffer is not finite, and whether a gradient is; in any process.

        Args:
            gradient: the flag of :func:`mark_bad_gradients`.
        """
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
        """Puts the buffers back, and counts the batches as left out.

        Args:
            counts: ``False`` where it is float16's scaler that asks for it, which is usual.
        """
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
