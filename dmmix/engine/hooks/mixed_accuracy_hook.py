"""How the network reads mixed test images."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.datasets.interface import has_labels
from dmmix.engine.processes import network_of
from dmmix.functional import as_mixed_labels, mixed_accuracy
from dmmix.functional.ranges import Count
from dmmix.mixups import Mix, build_mix
from dmmix.models import ClassifierGuide
from dmmix.models.gather_labels import gather_labels
from dmmix.models.mixed_step import forward_mixed
from dmmix.models.modes import evaluating
from dmmix.registry import HOOKS


@HOOKS.register_module()
class MixedAccuracyHook(Checked, Hook):
    """Mixes the validation (or test) images and measures mixed top-1 and top-2, in percent.

    ``mixed/top1``: the highest prediction is one of the two classes; ``mixed/top2``: the two
    highest predictions are exactly the two classes (of a mix of more, the k highest the k classes).
    Pairs of one class are not counted. The
    mixes are the same each time: drawn from ``seed`` alone.

    Example:
        ``custom_hooks = [dict(type='MixedAccuracyHook', mixup=dict(type='CutMix', alpha=1.0))]``

    Args:
        mixup: the mix, or its config.
        interval: measure at every ``interval``-th validation epoch, and always at the last one.
            ``None``: only then.
        seed: of the mixes.
        k: of data with (N, C) soft labels, how many classes a mixed row has at most.

    Raises:
        ValueError: a number out of range; (when it measures) test data without labels, or with
            multi-label targets, of which a mixed accuracy says nothing.

    Source: Decoupled Mixup (arXiv 2203.10761).
    """

    def __init__(
        self, mixup: dict | Mix, interval: Count | None = None, seed: int = 0, k: Count = 2
    ) -> None:
        self.mixup = build_mix(mixup)
        self.interval = interval
        self.seed = seed
        self.k = k

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is measured."""
        return "mixed/top1", "mixed/top2"

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Measures on the validation images and logs ``mixed/top1`` and ``mixed/top2``."""
        last = runner.train_loop is None or runner.epoch >= runner.max_epochs
        due = self.interval is not None and runner.epoch % self.interval == 0
        if last or due:
            measured = self.measure(runner.model, runner.val_dataloader)
            for name, value in measured.items():
                runner.message_hub.update_scalar(f"val/{name}", value)
            self._report(runner, measured, metrics)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """The same on the test images, if they have labels."""
        if has_labels(runner.test_dataloader.dataset) is False:
            return
        self._report(runner, self.measure(runner.model, runner.test_dataloader), metrics)

    @torch.no_grad()
    def measure(self, model: torch.nn.Module, batches: Any) -> dict[str, float]:
        """Mixed accuracy of ``model`` over ``batches`` as the data loader gives them."""
        network = network_of(model)
        # Models that are no mmpretrain classifiers are fine with mixes that ask nothing.
        guide = ClassifierGuide(network) if self.mixup.needs else None
        generator = torch.Generator().manual_seed(self.seed)
        counts = torch.zeros(3, dtype=torch.int64)
        with evaluating(network):
            for batch in batches:
                data = network.data_preprocessor(batch, training=False)
                labels = data.get("labels")
                if labels is None:
                    number = getattr(network.data_preprocessor, "num_classes", None)
                    labels = gather_labels(data["data_samples"], number)
                _check_sums(labels)
                labels = labels.to(data["inputs"].device)
                mixed = self.mixup.mix(data["inputs"], labels, generator, guide)
                logits, labels = forward_mixed(guide, mixed, network)
                accuracy = mixed_accuracy(logits, as_mixed_labels(labels, self.k))
                several = accuracy.mixed
                hits = [accuracy.top1 & several, accuracy.topk & several, several]
                counts = counts.to(logits.device) + torch.stack([hit.sum() for hit in hits])
        all_reduce(counts)
        top1, top2, total = counts.tolist()
        if total == 0:
            return {}
        return {"mixed/top1": 100 * top1 / total, "mixed/top2": 100 * top2 / total}

    @staticmethod
    def _report(runner: Runner, measured: dict[str, float], metrics: dict | None) -> None:
        if metrics is not None:
            metrics.update(measured)  # for save_best, and for what dmmix test writes
        if measured:
            runner.logger.info("  ".join(f"{k}: {v:.2f}" for k, v in measured.items()))


def _check_sums(labels: Tensor | None) -> None:
    if labels is None:
        raise ValueError("MixedAccuracyHook measures on images with labels, these have none")
    if labels.is_floating_point() and bool(((labels.sum(dim=1) - 1).abs() > 1e-2).any()):
        raise ValueError(
            "MixedAccuracyHook: multi-label targets (rows that do not sum to 1) have no mixed "
            "accuracy; leave the hook out"
        )
