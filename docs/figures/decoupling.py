"""Draws docs/figures/decoupling.png: how the loss pushes on the logits of a mixed sample.

    python docs/figures/decoupling.py [OUT.png]

One sample of ten classes, half of it class a and half class b. The network sees b (its logit is
2 above that of the eight other classes) and becomes more and more sure of a. Each curve is the
push on a logit, minus the gradient of the loss, as autograd gives it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import torch

from dmmix.functional import MixedLabels, decoupled_mixup_terms

matplotlib.use("Agg")
import matplotlib.pyplot as plt

NUM_CLASSES, LAM, LOGIT_B = 10, 0.5, 2.0
A, B, OTHER = 0, 1, 2
# Colours of Okabe and Ito, told apart with every kind of colour vision; the dashes do it too.
LINES = {
    "class a": (A, "#0072B2", "-"),
    "class b": (B, "#D55E00", (0, (5, 1.5))),
    "each other class": (OTHER, "#666666", (0, (1, 1.2))),
}


def pushes() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Confidence in a, and for each loss the push on each logit, (points, classes)."""
    confidence = torch.linspace(0.002, 0.998, 400, dtype=torch.float64)
    logits = torch.zeros(len(confidence), NUM_CLASSES, dtype=torch.float64)
    logits[:, B] = LOGIT_B
    rest = logits[:, 1:].logsumexp(dim=1)
    logits[:, A] = confidence.logit() + rest
    logits.requires_grad_()
    labels = MixedLabels(
        torch.tensor([[A, B]]).expand(len(confidence), 2),
        torch.tensor([[LAM, 1 - LAM]], dtype=torch.float64).expand(len(confidence), 2),
    )
    terms = decoupled_mixup_terms(logits, labels)
    (mixup,) = torch.autograd.grad(terms.mixup.sum(), logits, retain_graph=True)
    (decoupled,) = torch.autograd.grad(terms.decoupled.sum(), logits)
    return confidence, {
        "mixup cross entropy": -mixup,
        "decoupled term": -decoupled,
        "DM(CE),  $\\eta = 1$": -(mixup + decoupled),
    }


def draw(out: Path) -> None:
    plt.rcParams.update({"font.size": 10, "axes.titlesize": 11, "font.family": "DejaVu Sans"})
    confidence, losses = pushes()
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.5), sharey=True, layout="constrained")
    for axis, (title, push) in zip(axes, losses.items(), strict=True):
        axis.axhline(0, color="black", linewidth=0.8)
        for name, (column, colour, dashes) in LINES.items():
            axis.plot(confidence, push[:, column], color=colour, linestyle=dashes, lw=2, label=name)
        axis.set_title(title)
        axis.set_xlim(0, 1)
        axis.set_ylim(-0.6, 1.6)
        axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("push on the logit,  $-\\partial L\\,/\\,\\partial z$")
    axes[1].set_xlabel("confidence in a,  $p_a$")
    note(axes[0], "a goes down as soon as\n$p_a$ is above its share", (0.66, -0.16), (0.04, -0.45))
    note(axes[1], "b goes up whatever a does", (0.7, 0.52), (0.32, 0.85))
    note(axes[2], "a goes up for longer", (0.615, 0.13), (0.06, 0.1))
    figure.get_layout_engine().set(wspace=0.06)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(out, dpi=160)


def note(axis, text: str, point: tuple[float, float], place: tuple[float, float]) -> None:
    axis.annotate(
        text,
        point,
        place,
        fontsize=9,
        arrowprops=dict(arrowstyle="-", color="#444444", linewidth=0.8),
    )


if __name__ == "__main__":
    here = Path(__file__).with_suffix(".png")
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
