"""What mixes may ask a model: where it looks, what it computes; and leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmmix.functional.labels import MixedLabels

__all__ = ["Guide"]


class Guide:
    """Answers the questions that guided mixes have about a model, for one training step.

    What is asked runs the model in evaluation mode (running statistics of BatchNorm, no dropout)
    and differentiates with :func:`torch.autograd.grad` in the images only. Parameters, their
    gradients, BatchNorm statistics, training flags and ``requires_grad`` are left as they were, so
    it goes with DistributedDataParallel (ask the module inside), with AMP and with gradient
    accumulation.

    Mixes inside the network (ManifoldMix, AlignMix) and those that look at the very forward pass
    that is trained on (TransMix) leave a hook that works once. So a step with a guide reads::

        with Guide(model, features='layer4', classifier='fc').step() as guide:
            mixed = mix.mix(images, labels, guide=guide)
            logits = model(mixed.images)
            labels = guide.settle(mixed.labels)

    Args:
        model: takes (N, ch, H, W) images, returns (N, C) logits.
        features: name of the module whose output is the last feature map, (N, D, h, w); for
            :meth:`features` and :meth:`activation`.
        classifier: name of the linear layer, weight (C, D), that reads the pooled features; for
            :meth:`activation`.
        stages: names of the modules after which features may be mixed, first to last.
        attention: name of the linear layer that makes queries, keys and values of the last
            attention, (N, T, D) -> (N, T, 3D), heads inside; for :meth:`watch_attention`.
        heads: how many heads that attention has.

    Raises:
        ValueError: a name that is no module of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        features: str | None = None,
        classifier: str | None = None,
        stages: Sequence[str] = (),
        attention: str | None = None,
        heads: int = 1,
    ) -> None:
        self.model = model
        self._features = features
        self._classifier = classifier
        self._stages = tuple(stages)
        self._attention = attention
        self._heads = heads
        self._handles: list[Any] = []
        self._settlers: list[Callable[[Any], Any]] = []
        self._rows: Tensor | None = None
        for name in (features, classifier, attention, *stages):
            if name is not None:
                self.module(name)

    # -- questions -----------------------------------------------------------------------

    def logits(self, images: Tensor) -> Tensor:
        """(N, C) logits, in evaluation mode, without a graph."""
        with self._quiet(), torch.no_grad():
            return self._forward(images)

    def gradient(self, images: Tensor, labels: MixedLabels | Tensor) -> Tensor:
        r"""(N, ch, H, W) gradient of each sample's cross entropy in its pixels."""
        with self._quiet(), torch.enable_grad():
            pixels = images.detach().requires_grad_()
            logits = self._forward(pixels).float()
            (gradient,) = torch.autograd.grad(_cross_entropy(logits, labels), pixels)
        return gradient

    def saliency(self, images: Tensor, labels: MixedLabels | Tensor) -> Tensor:
        r"""(N, H, W), :math:`\sqrt{\frac1{ch} \sum_c (\partial \ell / \partial x_c)^2}`."""
        return self.gradient(images, labels).square().mean(1).sqrt()

    def features(self, images: Tensor) -> Tensor:
        """(N, D, h, w), the last feature map, without a graph.

        Raises:
            ValueError: the guide was not told which module makes it, or that module's output is
                no (N, D, h, w) map.
        """
        with self._quiet(), torch.no_grad():
            found = self._feature_map(images)
        if not isinstance(found, Tensor) or found.ndim != 4:
            kind = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the features of {type(self.model).__name__} are no (N, D, h, w) map, got {kind}"
            )
        return found

    def activation(self, images: Tensor, classes: Tensor) -> Tensor:
        """(N, h, w), the class activation map: the feature map weighted by the classifier's weights
        of each sample's class (N,)."""
        weight = self.class_weight()
        features = self.features(images)
        if weight.shape[1] != features.shape[1]:
            raise ValueError(
                f"the classifier reads {weight.shape[1]} features, the feature map has "
                f"{features.shape[1]}"
            )
        return torch.einsum("ndhw,nd->nhw", features.float(), weight[classes].float())

    def class_weight(self) -> Tensor:
        """(C, D) weight of the linear classifier, detached."""
        if self._classifier is None:
            raise ValueError("Guide was given no classifier: name the linear layer of the model")
        return self.module(self._classifier).weight.detach()

    # -- in the forward pass that is trained on ------------------------------------------

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the modules after which features may be mixed, first to last."""
        return self._stages

    @contextmanager
    def step(self) -> Iterator[Guide]:
        """For one training step; hooks that did not get to work are gone at its end."""
        try:
            yield self
        finally:
            for handle in self._handles:
                handle.remove()
            self._handles, self._settlers, self._rows = [], [], None

    def mix_features(self, stage: str, mix: Callable[[Tensor], Tensor]) -> None:
        """Lets ``mix`` change what the module ``stage`` returns, the next time it runs.

        Where that is a tuple or list, as of a Swin stage, ``mix`` acts on each floating-point
        tensor in it.
        """

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            handle.remove()
            return _map_tensors(mix, output)

        handle = self.module(stage).register_forward_hook(hook)
        self._handles.append(handle)

    def watch_attention(self, see: Callable[[Tensor], None]) -> None:
        """Gives ``see`` the attention of the class token in the last attention layer, the next
        time that it runs: (N, T - 1) floats, mean of the heads, over the other tokens.

        Raises:
            ValueError: the guide was not told which layer it is.
        """
        if self._attention is None:
            raise ValueError(
                f"{type(self.model).__name__}: no attention of a class token is known; this mix "
                "is for vision transformers with a class token"
            )

        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            handle.remove()
            see(_class_attention(output.detach(), self._heads))

        handle = self.module(self._attention).register_forward_hook(hook)
        self._handles.append(handle)

    def after_forward(self, change: Callable[[Any], Any]) -> None:
        """Keeps a change of the labels for :meth:`settle`."""
        rows = self._rows

        def among_rows(labels: Any) -> Any:
            changed = change(labels)
            if rows is None:
                return changed
            if isinstance(labels, MixedLabels):
                return MixedLabels.where(rows, changed, labels)
            return torch.where(rows[:, None], changed, labels)

        self._settlers.append(among_rows)

    def settle(self, labels: Any) -> Any:
        """The labels after the forward pass, for mixes that label what the model has looked at."""
        settlers, self._settlers = self._settlers, []
        for change in settlers:
            labels = change(labels)
        return labels

    @contextmanager
    def only(self, rows: Tensor | None) -> Iterator[None]:
        """What mixes ask for inside concerns these samples, an (N,) bool tensor, alone."""
        before, self._rows = self._rows, rows
        try:
            yield
        finally:
            self._rows = before

    def among_rows(self, share: Tensor) -> Tensor:
        """The (N,) shares of the first image, 1 for samples that are not to be mixed."""
        return share if self._rows is None else torch.where(self._rows, share, 1)

    # -- what a subclass for a kind of model changes -------------------------------------

    def module(self, name: str) -> nn.Module:
        """The module of this name.

        Raises:
            ValueError: there is none.
        """
        try:
            return self.model.get_submodule(name)
        except AttributeError:
            known = [name for name, _ in self.model.named_children()]
            raise ValueError(
                f"{type(self.model).__name__} has no module {name!r}; at its top there are {known}"
            ) from None

    def _forward(self, images: Tensor) -> Tensor:
        return self.model(images)

    def _feature_map(self, images: Tensor) -> Any:
        if self._features is None:
            raise ValueError("Guide was given no features: name the module of the last feature map")
        found: list[Any] = []
        handle = self.module(self._features).register_forward_hook(
            lambda module, args, output: found.append(output)
        )
        try:
            self._forward(images)
        finally:
            handle.remove()
        return found[-1][-1] if isinstance(found[-1], tuple | list) else found[-1]

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self.model.modules() if module.training]
        self.model.eval()
        try:
            # float16 is too narrow for gradients without a loss scale; bfloat16 is not.
            kind = next((p.device.type for p in self.model.parameters()), "cpu")
            narrow = torch.is_autocast_enabled(kind) and (
                torch.get_autocast_dtype(kind) == torch.float16
            )
            with torch.autocast(kind, enabled=False) if narrow else nullcontext():
                yield
        finally:
            for module, mode in modes:
                module.training = mode


def _cross_entropy(logits: Tensor, labels: MixedLabels | Tensor) -> Tensor:
    """The sum over the samples, so that each one's gradient is its own."""
    if isinstance(labels, MixedLabels):
        logs = F.log_softmax(logits, 1)
        return -(logs.gather(1, labels.classes) * labels.shares.to(logs.dtype)).sum()
    if labels.is_floating_point():
        labels = labels.to(logits.dtype)
    return F.cross_entropy(logits, labels, reduction="sum")


def _class_attention(qkv: Tensor, heads: int) -> Tensor:
    n, tokens, width = qkv.shape
    query, key, _ = qkv.float().view(n, tokens, 3, heads, width // (3 * heads)).unbind(2)
    score = torch.einsum("nhd,nthd->nht", query[:, 0], key) / query.shape[-1] ** 0.5
    return score.softmax(-1).mean(1)[:, 1:]


def _map_tensors(change: Callable[[Tensor], Tensor], output: Any) -> Any:
    if isinstance(output, Tensor):
        return change(output) if output.is_floating_point() else output
    if isinstance(output, tuple | list):
        return type(output)(_map_tensors(change, part) for part in output)
    return output
