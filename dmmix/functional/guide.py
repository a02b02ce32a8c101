"""What mixes may ask a model: where it looks, what it computes; and leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmmix.functional.labels import MixedLabels
from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["Guide"]


class Guide:
    """Answers the questions that guided mixes have about a model, for one training step.

    What is asked runs the model in evaluation mode (running statistics of BatchNorm, no dropout)
    and differentiates with :func:`torch.autograd.grad` in the images only. Parameters, their
    gradients, BatchNorm statistics, training flags and ``requires_grad`` are left as they were, so
    it goes with DistributedDataParallel (ask the module inside), with AMP and with gradient
    accumulation. Callers may be under :class:`torch.no_grad` or :class:`torch.inference_mode`.

    Mixes inside the network (ManifoldMix, AlignMix) and those that look at the very forward pass
    that is trained on (TransMix) leave a hook that works once. So a step with a guide reads::

        with Guide(model, features='layer4', classifier='fc').step() as guide:
            mixed = mix.mix(images, labels, guide=guide)
            logits = model(mixed.images)
            labels = guide.settle(mixed.labels)

    Questions in between do not set such a hook off.

    Args:
        model: takes (N, ch, H, W) images, returns (N, C) logits.
        features: name of the module whose output is the last feature map, (N, D, h, w); for
            :meth:`features` and :meth:`activation`.
        classifier: name of the linear layer, weight (C, D), that reads the pooled features; for
            :meth:`activation` and :meth:`class_weight`.
        stages: names of the modules after which features may be mixed, first to last.
        attention: name of the linear layer that makes queries, keys and values of the last
            attention, (N, T, D) -> (N, T, 3D), heads inside; for :meth:`watch_attention`.
        heads: how many heads that attention has.
        extra_tokens: how many of the T tokens, the class token first, stand for no patch; 2 for
            DeiT with a distillation token.

    Raises:
        ValueError: a name that is no module of the model; ``heads`` or ``extra_tokens`` below 1.
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
        extra_tokens: int = 1,
    ) -> None:
        for option, number in (("heads", heads), ("extra_tokens", extra_tokens)):
            if number < 1:
                raise ValueError(f"{option} must be 1 or more, got {number}")
        self.model = model
        self._features = features
        self._classifier = classifier
        self._stages = tuple(stages)
        self._attention = attention
        self._heads = heads
        self._extra_tokens = extra_tokens
        self._asking = False
        self._waiting: dict[Any, str] = {}  # hooks that have not worked yet, and where
        self._settlers: list[Callable[[Any], Any]] = []
        self._rows: Tensor | None = None
        self._last: int | None = None
        for name in (features, classifier, attention, *stages):
            if name is not None:
                self.module(name)

    # -- questions -----------------------------------------------------------------------

    def logits(self, images: Tensor) -> Tensor:
        """(N, C) logits, in evaluation mode, without a graph."""
        with self._quiet(images), torch.no_grad():
            return self._forward(images)

    def gradient(self, images: Tensor, labels: MixedLabels | Tensor) -> Tensor:
        r"""(N, ch, H, W) gradient of each sample's cross entropy in its pixels.

        Args:
            images: (N, ch, H, W), of a floating-point dtype.
            labels: (N,) integer classes, :class:`MixedLabels`, or (N, C) soft labels.

        Raises:
            ValueError: the model returns no (N, C) logits.
        """
        # Tensors made in inference mode cannot be part of a graph, copies of them can.
        with torch.inference_mode(False), self._quiet(images), torch.enable_grad():
            pixels = _outside_inference(images).detach().requires_grad_()
            logits = self._forward(pixels)
            if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
                raise ValueError(
                    f"{type(self.model).__name__} must return ({len(images)}, C) logits, got "
                    f"{_kind(logits)}"
                )
            loss = _cross_entropy(at_least_float32(logits), labels)
            (gradient,) = torch.autograd.grad(loss, pixels)
        return gradient

    def saliency(self, images: Tensor, labels: MixedLabels | Tensor) -> Tensor:
        r"""(N, H, W), :math:`\sqrt{\frac1{ch} \sum_c (\partial \ell / \partial x_c)^2}`, float32
        (float64 for float64 images); see :meth:`gradient`."""
        # Squares of small gradients are 0 in float16.
        return at_least_float32(self.gradient(images, labels)).square().mean(1).sqrt()

    def features(self, images: Tensor) -> Tensor:
        """(N, D, h, w), the last feature map, without a graph.

        Raises:
            ValueError: the guide was not told which module makes it, that module does not run, or
                its output is no (N, D, h, w) map.
        """
        with self._quiet(images), torch.no_grad():
            found = self._feature_map(images)
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise ValueError(
                f"the features of {type(self.model).__name__} are no (N, D, h, w) map, got "
                f"{_kind(found)}"
            )
        return found

    def activation(self, images: Tensor, classes: Tensor) -> Tensor:
        """(N, h, w), the class activation map: the feature map weighted by the classifier's weights
        of each sample's class (N,).

        Raises:
            ValueError: see :meth:`features` and :meth:`class_weight`; a feature map and a
                classifier of different widths.
        """
        weight = self.class_weight()
        features = self.features(images)
        if weight.shape[1] != features.shape[1]:
            raise ValueError(
                f"the classifier reads {weight.shape[1]} features, the feature map has "
                f"{features.shape[1]}"
            )
        features = at_least_float32(features)
        with _no_autocast(features.device.type):
            return torch.einsum("ndhw,nd->nhw", features, weight[classes].to(features.dtype))

    def class_weight(self) -> Tensor:
        """(C, D) weight of the linear classifier, detached.

        Raises:
            ValueError: the guide was not told which layer it is, or it has no (C, D) weight.
        """
        if self._classifier is None:
            raise ValueError("Guide was given no classifier: name the linear layer of the model")
        layer = self.module(self._classifier)
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim != 2:
            raise ValueError(
                f"classifier {self._classifier!r} must be a linear layer with a (C, D) weight, got "
                f"{type(layer).__name__}"
            )
        return weight.detach()

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
            for handle in self._waiting:
                handle.remove()
            self._waiting, self._settlers, self._rows, self._last = {}, [], None, None

    def mix_features(self, stage: str, mix: Callable[[Tensor], Tensor]) -> None:
        """Lets ``mix`` change what the module ``stage`` returns, the next time it runs.

        Where that is a tuple, list or dict, as of a Swin stage, ``mix`` acts on each floating-point
        tensor in it; where there is none, the forward pass raises TypeError.

        Raises:
            ValueError: no module of this name.
        """

        last = self._last

        def work(output: Any) -> Any:
            mixed = [False]

            def change(tensor: Tensor) -> Tensor:
                mixed[0] = True
                return _on_last(mix, tensor, last)

            output = _map_tensors(change, output)
            if not mixed[0]:
                raise TypeError(f"{stage} returns no features to mix, got {_kind(output)}")
            return output

        self._hook(stage, work)

    def watch_attention(self, see: Callable[[Tensor], None]) -> None:
        """Gives ``see`` the attention of the class token in the last attention layer, the next
        time that it runs: (N, P) floats, mean of the heads, over the P tokens of patches.

        Raises:
            ValueError: the guide was not told which layer it is.
        """
        if self._attention is None:
            raise ValueError(
                f"{type(self.model).__name__}: no attention of a class token is known; this mix "
                "is for vision transformers with a class token that the head reads"
            )

        last = self._last

        def work(output: Tensor) -> None:
            attention = _class_attention(output.detach(), self._heads, self._extra_tokens)
            see(attention if last is None else attention[-last:])

        self._hook(self._attention, work)

    def _hook(self, name: str, work: Callable[[Any], Any]) -> None:
        """``work`` on the output of this module, once, in the forward pass that is trained on."""

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if self._asking:
                return None
            handle.remove()
            self._waiting.pop(handle, None)
            return work(output)

        handle = self.module(name).register_forward_hook(hook)
        self._waiting[handle] = name

    def after_forward(self, change: Callable[[Any], Any]) -> None:
        """Keeps a change of the labels for :meth:`settle`, after those that are there already."""
        rows, last = self._rows, self._last

        def among_rows(labels: Any) -> Any:
            changed = change(labels)
            if rows is None:
                return changed
            if isinstance(labels, MixedLabels):
                return MixedLabels.where(rows, changed, labels)
            return torch.where(rows[:, None], changed, labels)

        self._settlers.append(lambda labels: _on_last(among_rows, labels, last))

    def settle(self, labels: Any) -> Any:
        """The labels after the forward pass, for mixes that label what the model has looked at.

        Raises:
            RuntimeError: there was no forward pass, or it did not come by a module whose output was
                to be mixed or watched: labels and features would not belong together.
        """
        if self._waiting:
            names = ", ".join(sorted(set(self._waiting.values())))
            raise RuntimeError(
                f"settle() comes after the model's forward pass, in which {names} runs; it has not "
                "run (or, in a compiled model, its hooks have not)"
            )
        settlers, self._settlers = self._settlers, []
        for change in settlers:
            labels = change(labels)
        return labels

    @contextmanager
    def only(self, rows: Tensor | None) -> Iterator[None]:
        """What mixes ask for inside concerns these samples, an (N,) bool tensor, alone."""
        before = self._rows
        self._rows = before & rows if before is not None and rows is not None else rows
        try:
            yield
        finally:
            self._rows = before

    @contextmanager
    def last(self, n: int) -> Iterator[None]:
        """What mixes ask for inside concerns the last ``n`` samples of the forward pass alone, for
        mixes that put others before them (RegMixup)."""
        before, self._last = self._last, n
        try:
            yield
        finally:
            self._last = before

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
        if not found:
            raise ValueError(
                f"features {self._features!r} did not run in {type(self.model).__name__}'s forward"
            )
        last = found[-1]
        return last[-1] if isinstance(last, tuple | list) and len(last) else last

    @contextmanager
    def _quiet(self, images: Tensor) -> Iterator[None]:
        # The flags alone: eval() of a model of one's own may do more, and train() not undo it.
        training = [module for module in self.model.modules() if module.training]
        asking, self._asking = self._asking, True
        try:
            for module in training:
                module.training = False
            kind = images.device.type
            if torch.is_autocast_enabled(kind):
                dtype = torch.get_autocast_dtype(kind)
                # float16 is too narrow for gradients without a loss scale; bfloat16 is not. And
                # weights that are cast here are not for the forward pass that is trained on.
                narrow = dtype == torch.float16
                with torch.autocast(kind, dtype, enabled=not narrow, cache_enabled=False):
                    yield
            else:
                yield
        finally:
            self._asking = asking
            for module in training:
                module.training = True


def _cross_entropy(logits: Tensor, labels: MixedLabels | Tensor) -> Tensor:
    """The sum over the samples, so that each one's gradient is its own."""
    if isinstance(labels, MixedLabels):
        logs = F.log_softmax(logits, 1)
        classes, shares = _outside_inference(labels.classes), _outside_inference(labels.shares)
        loss = -(logs.gather(1, classes) * shares.to(logs.dtype)).sum(1)
        if labels.smoothing is not None:
            smoothing = _outside_inference(labels.smoothing).to(logs.dtype)
            loss = torch.lerp(loss, -logs.mean(1), smoothing)
        return loss.sum()
    labels = _outside_inference(labels)
    labels = labels.to(logits.dtype) if labels.is_floating_point() else labels.long()
    return F.cross_entropy(logits, labels, reduction="sum")


def _class_attention(qkv: Tensor, heads: int, extra_tokens: int) -> Tensor:
    if not isinstance(qkv, Tensor) or qkv.ndim != 3 or qkv.shape[2] % (3 * heads):
        raise ValueError(
            f"attention must be a layer that returns (N, T, 3D) queries, keys and values with D "
            f"divisible by heads={heads}, got {_kind(qkv)}"
        )
    n, tokens, width = qkv.shape
    qkv = at_least_float32(qkv).reshape(n, tokens, 3, heads, width // (3 * heads))
    query, key, _ = qkv.unbind(2)
    with _no_autocast(qkv.device.type):
        score = torch.einsum("nhd,nthd->nht", query[:, 0], key) / query.shape[-1] ** 0.5
    return score.softmax(-1).mean(1)[:, extra_tokens:]


def _on_last(change: Callable[[Any], Any], whole: Any, n: int | None) -> Any:
    """``change`` of the last ``n`` samples, with those before as they are."""
    if n is None:
        return change(whole)
    parts = [whole[:-n], change(whole[-n:])]
    return MixedLabels.cat(parts) if isinstance(whole, MixedLabels) else torch.cat(parts)


def _map_tensors(change: Callable[[Tensor], Tensor], output: Any) -> Any:
    if isinstance(output, Tensor):
        return change(output) if output.is_floating_point() else output
    if isinstance(output, dict):
        return type(output)((name, _map_tensors(change, part)) for name, part in output.items())
    if isinstance(output, tuple | list):
        parts = [_map_tensors(change, part) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


def _no_autocast(kind: str) -> Any:
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def _outside_inference(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor


def _kind(output: Any) -> str:
    return str(tuple(output.shape)) if isinstance(output, Tensor) else type(output).__name__
