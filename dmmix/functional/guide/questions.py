"""What mixes may ask a model: where it looks, what it computes; and leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmmix.functional.guide.layers import Layers, NamedLayers, kind_of
from dmmix.functional.guide.scope import Step
from dmmix.functional.labels import Labels, MixedLabels
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import at_least_float32, no_autocast


class Guide:
    """Answers the questions that guided mixes have about a model, for one training step.

    What is asked runs the model in evaluation mode (running statistics of BatchNorm, no dropout)
    and differentiates with :func:`torch.autograd.grad` in the images only. Parameters, their
    gradients, BatchNorm statistics, training flags and ``requires_grad`` are left as they were, so
    it goes with DistributedDataParallel (ask the module inside), with AMP and with gradient
    accumulation. Callers may be under :class:`torch.no_grad` or :class:`torch.inference_mode`.

    Mixes inside the network (ManifoldMix, AlignMix) and those that look at the very forward pass
    that is trained on (TransMix) leave that to :meth:`step`. So a step with a guide reads::

        guide = Guide(model, features='layer4', classifier='fc')
        mixed = mix.mix(images, labels, guide=guide)
        with guide.step(mixed) as step:
            logits = model(mixed.images)
        labels = step.settle()

    Args:
        model: takes (N, ch, H, W) images, returns (N, C) logits.
        layers: finds the layers in this kind of model, from the model: a subclass of
            :class:`dmmix.functional.guide.Layers`; by default by the names that follow.
        names: ``features``, ``classifier``, ``stages``, ``attention``, ``heads`` and
            ``extra_tokens``, also for errors: see :class:`dmmix.functional.guide.NamedLayers`.
    """

    def __init__(
        self, model: nn.Module, layers: Callable[[Any], Layers] | None = None, **names: Any
    ) -> None:
        self.model = model
        self.layers = NamedLayers(model, **names) if layers is None else layers(model)
        #: Whether a question is being asked, which is no forward pass to be trained on.
        self.asking = False

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the modules after which features may be mixed, first to last."""
        return self.layers.stages

    def step(self, mixed: Mixed) -> Step:
        """The forward pass of mixed images: see :class:`~dmmix.functional.guide.Step`."""
        return Step(self, mixed)

    def logits(self, images: Tensor) -> Tensor:
        """(N, C) logits, in evaluation mode, without a graph."""
        with self._quiet(images), torch.no_grad():
            return self.layers.logits(images)

    def gradient(self, images: Tensor, labels: Labels) -> Tensor:
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
            logits = self.layers.logits(pixels)
            if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
                raise ValueError(
                    f"{type(self.model).__name__} must return ({len(images)}, C) logits, got "
                    f"{kind_of(logits)}"
                )
            loss = _cross_entropy(at_least_float32(logits), labels)
            (gradient,) = torch.autograd.grad(loss, pixels)
        return gradient

    def saliency(self, images: Tensor, labels: Labels) -> Tensor:
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
            found = self.layers.feature_map(images)
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise ValueError(
                f"the features of {type(self.model).__name__} are no (N, D, h, w) map, got "
                f"{kind_of(found)}"
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
        with no_autocast(features.device.type):
            return torch.einsum("ndhw,nd->nhw", features, weight[classes].to(features.dtype))

    def class_weight(self) -> Tensor:
        """See :meth:`dmmix.functional.guide.Layers.class_weight`."""
        return self.layers.class_weight()

    @contextmanager
    def _quiet(self, images: Tensor) -> Iterator[None]:
        # The flags alone: eval() of a model of one's own may do more, and train() not undo it.
        training = [module for module in self.model.modules() if module.training]
        asking, self.asking = self.asking, True
        try:
            for module in training:
                module.training = False
            with self.layers.asked(), _autocast(images.device.type):
                yield
        finally:
            self.asking = asking
            for module in training:
                module.training = True


def _autocast(kind: str) -> AbstractContextManager:
    if not torch.is_autocast_enabled(kind):
        return nullcontext()
    dtype = torch.get_autocast_dtype(kind)
    # float16 is too narrow for gradients without a loss scale; bfloat16 is not. And weights that
    # are cast here are not for the forward pass that is trained on.
    return torch.autocast(kind, dtype, enabled=dtype != torch.float16, cache_enabled=False)


def _cross_entropy(logits: Tensor, labels: Labels) -> Tensor:
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


def _outside_inference(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor
