"""Slow references, written from the paper: one sample and one class at a time, Python floats.

Each function takes the logits of one sample as a list of floats, its ``classes`` and ``shares``
as lists, and follows the definition of arXiv 2203.10761 rather than any faster equal form.
"""

from __future__ import annotations

import math


def log_sum_exp(values: list[float]) -> float:
    if not values:
        return -math.inf
    highest = max(values)
    return highest + math.log(math.fsum(math.exp(v - highest) for v in values))


def share_of_each_class(classes: list[int], shares: list[float]) -> dict[int, float]:
    """The same class twice: its shares add up."""
    total: dict[int, float] = {}
    for c, share in zip(classes, shares, strict=True):
        total[c] = total.get(c, 0.0) + share
    return total


def soft_label(
    classes: list[int], shares: list[float], num_classes: int, smoothing: float = 0.0
) -> list[float]:
    mixture = share_of_each_class(classes, shares)
    return [
        (1 - smoothing) * mixture.get(c, 0.0) + smoothing / num_classes for c in range(num_classes)
    ]


def mixed_classes(classes: list[int], shares: list[float], min_share: float = 0.0) -> list[int]:
    """Classes that are mixed in; a sample of one class is no mixture."""
    present = [c for c, s in share_of_each_class(classes, shares).items() if s > min_share]
    return present if len(present) >= 2 else []


def rescaled(share: float, t: float, xi: float) -> float:
    """r(share; t, xi) = min(1, (share / xi) ** t), and nothing of a class that is not there."""
    return 0.0 if share == 0 else min(1.0, (share / xi) ** t)


def mixup_cross_entropy(
    z: list[float],
    classes: list[int],
    shares: list[float],
    smoothing: float = 0.0,
    class_weight: list[float] | None = None,
) -> float:
    """L_MCE = - sum_c w_c y_c log p_c, with p = softmax(z) and y the soft label."""
    label = soft_label(classes, shares, len(z), smoothing)
    weight = class_weight or [1.0] * len(z)
    total = log_sum_exp(z)
    return math.fsum(-weight[c] * label[c] * (z[c] - total) for c in range(len(z)))


def log_phi(z: list[float], i: int, partners: list[int]) -> float:
    """Decoupled softmax: phi^{i,j} = exp z_i / sum_{c != j} exp z_c, for one partner or more."""
    return z[i] - log_sum_exp([z[c] for c in range(len(z)) if c not in partners])


def decoupled_term(
    z: list[float],
    classes: list[int],
    shares: list[float],
    decouple: str | list[bool] = "all",
    rescale: tuple[float, float] | None = None,
    min_share: float = 0.0,
    class_weight: list[float] | None = None,
) -> float:
    """L_DM = - sum_i log phi^{i, the other mixed classes}."""
    mixed = mixed_classes(classes, shares, min_share)
    share = share_of_each_class(classes, shares)
    terms = []
    for i in mixed:
        if decouple == "more":
            kept = share[i] == max(share[c] for c in mixed)
        elif decouple == "less":
            kept = share[i] == min(share[c] for c in mixed)
        elif decouple == "all":
            kept = True
        else:
            kept = any(flag for c, flag in zip(classes, decouple, strict=True) if c == i)
        if not kept:
            continue
        term = -log_phi(z, i, [j for j in mixed if j != i])
        if rescale is not None:
            term *= rescaled(share[i], *rescale)
        if class_weight is not None:
            term *= class_weight[i]
        terms.append(term)
    return math.fsum(terms)


def dm_ce(
    z: list[float],
    classes: list[int],
    shares: list[float],
    eta: float,
    smoothing: float = 0.0,
    class_weight: list[float] | None = None,
    **options,
) -> float:
    """DM(CE) = L_MCE + eta L_DM; smoothing is none of the decoupled term's business."""
    return mixup_cross_entropy(z, classes, shares, smoothing, class_weight) + eta * decoupled_term(
        z, classes, shares, class_weight=class_weight, **options
    )


def binary_cross_entropy(
    z: list[float], target: list[float], class_weight: list[float] | None = None
) -> float:
    """Sum over the classes of - y log sigmoid(z) - (1 - y) log (1 - sigmoid(z))."""
    weight = class_weight or [1.0] * len(z)
    return math.fsum(
        w * (y * _softplus(-v) + (1 - y) * _softplus(v))
        for v, y, w in zip(z, target, weight, strict=True)
    )


def bce_target(
    classes: list[int], shares: list[float], num_classes: int, t: float, xi: float
) -> list[float]:
    """y = sum of r(share of the class) over the classes; a == b is one class of share 1."""
    mixture = share_of_each_class(classes, shares)
    return [rescaled(mixture.get(c, 0.0), t, xi) for c in range(num_classes)]


def _softplus(v: float) -> float:
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))
