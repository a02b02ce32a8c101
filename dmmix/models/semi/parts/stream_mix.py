"""Mixing between the streams: labelled images with unlabelled ones and their pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dmmix.arguments import Checked
from dmmix.functional import MixedLabels
from dmmix.functional.ranges import NonNegative, Probability
from dmmix.functional.semi import half_cosine_ramp
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups import Mix, RandomStream, build_mix, draw_for, step_generator, training_progress
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.losses import DecoupledMixupLoss, MixupLoss
from dmmix.models.mixed_step import first_rows, forward_mixed
from dmmix.models.semi.parts.pairing import check_draws_pairs, paired
from dmmix.registry import MODELS

LamBias = Literal["unlabelled", "labelled", "none"]


@MODELS.register_module()
class StreamMix(Checked, nn.Module):
    r"""DM(CE) with the asymmetrical strategy, on mixes of a labelled with an unlabelled image.

    Each labelled image :math:`x` of the batch with class :math:`a` is mixed with an unlabelled one
    :math:`u` of pseudo-label :math:`b`, chosen at random,

    .. math:: \tilde x = \lambda x + (1 - \lambda) u, \qquad \lambda < 1/2

    so that the unlabelled image dominates, and of the decoupled terms only that of the class that
    is known is kept:

    .. math:: L = -\lambda \log p_a - (1 - \lambda) \log p_b
                  + \eta \, \mathrm{softplus}(o - z_a)

    where :math:`o` is the logsumexp over the classes that are not mixed in. A mix counts if the
    pseudo-label's confidence reaches ``min(threshold, max(mix_threshold, 1 - lam))``, and if no
    more than half of it was got by the image that is not to dominate: some mixes (PuzzleMix) give
    another share than was drawn. With the
    mixup cross entropy as ``loss`` it is the ``+ Mixup`` of the paper's tables.

    Args:
        mixup: config of a mix of pairs whose share is drawn (Mixup, CutMix, ...), or a
            :class:`~dmmix.mixups.RandomMix` of such.
        loss: config of the loss; by default DM(CE) with ``eta=0.1``.
        lam_bias: which image dominates; ``'none'`` leaves the share as drawn.
        decouple: whose classes keep their decoupled term: ``'labelled'`` (the asymmetrical
            strategy, the default), ``'unlabelled'``, ``'both'`` or ``'none'``. Of DM(CE) alone:
            other losses have no such terms.
        weight: of this loss, 0 or more.
        ramp: whether the weight rises from 0 over the training as half a cosine. Without a
            runner it is whole.
        threshold, mix_threshold: of the confidence, in [0, 1].

    Raises:
        KeyError, TypeError, ValueError: a bad argument; a mix that is not one of pairs, or whose
            share is not drawn.

    Source: Decoupled Mixup (arXiv 2203.10761); weight, ramp and threshold are those of its code.
    """

    def __init__(
        self,
        mixup: Mapping | Mix,
        loss: Mapping | MixupLoss | None = None,
        lam_bias: LamBias = "unlabelled",
        decouple: Literal["labelled", "unlabelled", "both", "none"] | None = None,
        weight: NonNegative = 1.0,
        ramp: bool = True,
        threshold: Probability = 0.95,
        mix_threshold: Probability = 0.95,
    ) -> None:
        super().__init__()
        self.mixup = build_mix(mixup)
        check_draws_pairs(self.mixup, "stream_mix.mixup")
        self.loss = _build_loss(loss)
        if decouple is not None and not isinstance(self.loss, DecoupledMixupLoss):
            raise ValueError(
                f"stream_mix.decouple={decouple!r} is for DecoupledMixupLoss, leave it out with "
                f"{type(self.loss).__name__}"
            )
        self.lam_bias = lam_bias
        self.decouple = decouple or "labelled"
        self.weight = float(weight)
        self.ramp = bool(ramp)
        self.threshold = float(threshold)
        self.mix_threshold = float(mix_threshold)

    def losses(
        self,
        model: Any,
        labelled: Tensor,
        labels: Tensor,
        unlabelled: Tensor,
        pseudo: Tensor,
        confidence: Tensor,
    ) -> dict[str, Tensor]:
        """The losses of a step; draws from :func:`~dmmix.mixups.step_generator`.

        Args:
            model: the classifier; it makes one more forward pass, over B images.
            labelled: (B, ch, H, W).
            labels: (B,) integers.
            unlabelled: (M, ch, H, W), with M at least B.
            pseudo: (M,) integers, the pseudo-labels.
            confidence: (M,) their probabilities.

        Returns:
            ``loss_stream_mix`` and, where the loss has it, ``loss_stream_decoupled``
            (``loss_stream_bce`` of DM(BCE));
            ``stream_mix_rate``, the part of the mixes that count; unless ``lam_bias='none'``,
            ``stream_mix_rejected``, the part that does not because the wrong image got more than
            half of it.
        """
        n = len(labels)
        generator = step_generator(RandomStream.STREAM_MIX)
        chosen = torch.randperm(len(pseudo), generator=generator)[:n]
        (chosen,) = to_device([chosen], pseudo.device)
        # The unlabelled image comes first: what is cut out of the labelled one and pasted can only
        # be smaller than drawn (clipped at the border), so that lam stays below 1/2.
        images = torch.cat([unlabelled.index_select(0, chosen), labelled])
        classes = torch.cat([pseudo.index_select(0, chosen), labels])
        guide = ClassifierGuide(model) if self.mixup.needs else None
        draws = draw_for(self.mixup, images, generator, partial(paired, change=self._halves))
        answers = self.mixup.ask(guide, images, classes, draws)
        whole = self.mixup.blend(images, classes, draws, answers)
        # The second half is paired with itself; nobody looks at what becomes of it. What is asked
        # or done inside the network is of both.
        shown = whole if self.mixup.needs else whole._replace(images=whole.images[:n])
        feats, told = forward_mixed(guide, shown, model.extract_feat)
        feats = first_rows(feats, n)
        mixed: Any = told[:n]  # MixedLabels: classes went in
        weights = None if whole.weights is None else whole.weights[:n]
        logits = model.head(feats)

        share = mixed.shares[:, 1:].sum(dim=1)  # lam: slot 0 is the unlabelled image's
        needed = (1 - share).clamp_min(self.mix_threshold).clamp_max(self.threshold)
        fits = self._fits(share)
        counts = ((confidence.index_select(0, chosen) >= needed) & fits).to(logits.dtype)
        parts = self._parts(logits, mixed, counts if weights is None else counts * weights)
        weight = self._weight()
        losses = {_NAMES.get(name, name): weight * value for name, value in parts.items()}
        losses["stream_mix_rate"] = counts.mean()
        if self.lam_bias != "none":
            losses["stream_mix_rejected"] = 1 - fits.to(logits.dtype).mean()
        return losses

    def _halves(self, lam: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs the first half of a batch with the second: row ``i`` with row ``n/2 + i``.

        ``lam`` is the share of the first image, the unlabelled one.
        """
        half = len(index) // 2
        partners = torch.arange(half, 2 * half).repeat(2)
        return bias_share(lam, self.lam_bias), partners

    def _fits(self, share: Tensor) -> Tensor:
        """Whether the image that is to dominate has half of the mix, by the share that was got.

        PuzzleMix, which chooses what it cuts by saliency, may give a labelled image more than was
        drawn for it.

        Args:
            share: (B,) of the labelled images.
        """
        if self.lam_bias == "unlabelled":
            return share <= _HALF
        return share >= 1 - _HALF if self.lam_bias == "labelled" else torch.ones_like(share).bool()

    def _parts(self, logits: Tensor, mixed: MixedLabels, weight: Tensor) -> dict[str, Tensor]:
        if not isinstance(self.loss, DecoupledMixupLoss) or self.decouple == "both":
            return self.loss.parts(logits, mixed, weight=weight)
        kept = torch.zeros_like(mixed.classes, dtype=torch.bool)
        kept[:, 0] = self.decouple == "unlabelled"
        kept[:, 1:] = self.decouple == "labelled"
        return self.loss.parts(logits, mixed, weight=weight, decouple=kept)

    def _weight(self) -> float:
        progress = training_progress() if self.ramp else None
        return self.weight if progress is None else self.weight * half_cosine_ramp(progress)

    def extra_repr(self) -> str:
        return (
            f"mixup={self.mixup!r}, lam_bias={self.lam_bias!r}, decouple={self.decouple!r}, "
            f"weight={self.weight}"
        )


#: How the parts of a loss are logged.
_NAMES = {
    "loss_mixup": "loss_stream_mix",
    "loss_decoupled": "loss_stream_decoupled",
    "loss_bce": "loss_stream_bce",
}


def bias_share(lam: Tensor, lam_bias: LamBias) -> Tensor:
    """The share of the unlabelled image: above 1/2, below it, or as drawn."""
    if lam_bias == "none":
        return lam
    larger = torch.maximum(lam, 1 - lam).clamp_min(_ABOVE_HALF)
    return larger if lam_bias == "unlabelled" else 1 - larger


#: The other share is below 1/2 in float32 too.
_ABOVE_HALF = 0.5 + 2**-20
#: Half, with what is rounded.
_HALF = 0.5 + 2**-20


def build_stream_mix(config: Mapping | StreamMix) -> StreamMix:
    """A stream mix from its config; one that is built already is returned as it is.

    Raises:
        KeyError: ``mixup`` is missing.
        TypeError: no dict.
    """
    if isinstance(config, StreamMix):
        return config
    if not isinstance(config, Mapping):
        raise TypeError(
            "stream_mix must be a dict such as dict(mixup=dict(type='Mixup', alpha=0.2)), got "
            f"{config!r}"
        )
    if "mixup" not in config:
        raise KeyError(
            "stream_mix needs mixup=dict(type=...), the mix between the streams; it has "
            f"{sorted(config)}"
        )
    return MODELS.build({"_scope_": "dmmix", "type": "StreamMix", **config})


def _build_loss(config: Mapping | MixupLoss | None) -> MixupLoss:
    if config is None:
        return DecoupledMixupLoss(eta=0.1)
    loss = MODELS.build({"_scope_": "dmmix", **config}) if isinstance(config, Mapping) else config
    if not isinstance(loss, MixupLoss):
        raise TypeError(
            "stream_mix.loss must be a loss for mixed labels (DecoupledMixupLoss, "
            f"MixupCrossEntropyLoss, DecoupledMixupBCELoss), got {type(loss).__name__}"
        )
    return loss
