"""What is said where a run ends because its numbers are not finite."""

from __future__ import annotations

import math
from typing import Any


class NonFiniteError(FloatingPointError):
    """A loss, a gradient, a weight or a statistic of a network in training is NaN or infinite.

    Attributes:
        report: iteration (from 1), losses, samples and so on, as plain data; what the dump holds
            too.
    """

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report or {}

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.report)


def shown(numbers: list[Any], limit: int = 8) -> str:
    """The first few of a list, and how many there are."""
    text = ", ".join(map(str, numbers[:limit]))
    return f"{text}, ... ({len(numbers)})" if len(numbers) > limit else text


def describe(report: dict[str, Any]) -> str:
    """The report in words: what, where, which samples, and what usually helps."""
    parts = (_what(report), _samples(report), _remedies(report), _checkpoint(report))
    return " ".join(part for part in parts if part)


def _what(report: dict[str, Any]) -> str:
    bad = [f"{name} = {value:g}" for name, value in report["bad"].items()]
    if report["bad_gradients"] and not bad:
        bad = ["gradients"]
    state = [
        f"{kind} {shown(names, 3)}" for kind in ("weights", "buffers") if (names := report[kind])
    ]
    place = f"iteration {report['iteration']} of {report['max_iterations']}"
    place += f" (epoch {report['epoch']})" if report["by_epoch"] else ""
    place += f" on rank {report['rank']}" if report["world_size"] > 1 else ""
    if report["in_a_row"]:
        return (
            f"step.non_finite='skip' has left out {report['in_a_row']} batches in a row, up to "
            f"{place}: nothing is learned any more."
        )
    if bad:
        losses = report["losses"].items()
        good = [f"{name} = {value:.4g}" for name, value in losses if math.isfinite(value)]
        beside = f" (beside {', '.join(good)})" if good else ""
        after = f"; not finite since then: {', '.join(state)}" if state else ""
        return f"Not finite at {place}: {', '.join(bad)}{beside}{after}."
    if report["iteration"] == 0:
        return f"Not finite before the first iteration: {', '.join(state)}."
    return (
        f"Not finite, found at {place}: {', '.join(state)}. The losses and gradients up to there "
        "were finite."
    )


def _samples(report: dict[str, Any]) -> str:
    parts = []
    for name, rows in report["bad_rows"].items():
        parts.append(f"{name} not finite in row(s) {shown(rows)} of the batch (from 0)")
    for name, numbers in report["samples"].items():
        of = f" ({name})" if name else ""
        rows = sorted({row for found in report["bad_rows"].values() for row in found})
        culprits = [numbers[row] for row in rows if row < len(numbers)] if not name else []
        which = f"sample(s) {shown(culprits)}, of a batch of" if culprits else "batch of samples"
        parts.append(f"{which}{of} {shown(numbers)}")
    if not report["samples"] and report["iteration"]:
        parts.append("which samples these are in the data set is not known, the dump has them")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _checkpoint(report: dict[str, Any]) -> str:
    last = report["last_checkpoint"]
    return f"The last checkpoint, {last}, is from before." if last else ""


def _remedies(report: dict[str, Any]) -> str:
    if report["iteration"] == 0:
        return "Start from another checkpoint (load_from, init_cfg), or from scratch."
    if any(len(rows) == report["batch_size"] > 1 for rows in report["bad_rows"].values()):
        return (
            "Likely remedies: look at data_preprocessor.mean and std, and at what else is done to "
            "all images (or labels) of a batch."
        )
    if report["bad_rows"]:
        return (
            "Likely remedies: look at these samples and at what augments and normalises them; take "
            "them out of the data; or step.non_finite='skip', which leaves such batches out."
        )
    rates = ", ".join(f"{rate:g}" for rate in report["learning_rates"])
    helps = [
        f"a lower learning rate (now {rates}) or a warm-up",
        "optim_wrapper.clip_grad=dict(max_norm=5.0)",
    ]
    if report["precision"] == "fp16":
        helps.append("step.precision='bf16' or 'fp32'")
    if not report["in_a_row"]:
        helps.append("step.non_finite='skip' if it is a batch now and then")
    return f"Likely remedies: {'; '.join(helps)}."
