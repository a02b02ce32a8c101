"""Labels of mixed samples: which classes are in a sample, and with what share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import looks_at_values
from dmmix.functional.tensors.dtypes import at_least_float32

# Shares come from float32 (or bfloat16) arithmetic; a sum further from 1 than this is a mistake.
_SUM_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
_COARSE_SUM_TOLERANCE = 2e-2


class MixedLabels:
    r"""Labels of ``N`` samples, each a mixture of ``K`` classes.

    The soft label of sample ``n`` is

    .. math::
        y_n = (1 - s_n) \sum_k \mathrm{shares}_{nk} \, \mathbf{1}_{\mathrm{classes}_{nk}}
              + s_n / C

    with :math:`s_n` the label smoothing (usually 0). A plain label is ``K = 1``; the two images
    of a pair give ``K = 2``. The same class may stand in several slots (both images of a pair
    are cats): its shares add up.

    Args:
        classes: (N, K) integers, the classes mixed in.
        shares: (N, K) floats in [0, 1], rows sum to 1.
        smoothing: (N,) floats in [0, 1], the share of the label that is spread evenly over all
            classes; ``None`` means none.
        check: whether to look at the values. Shapes and dtypes are always checked. ``None``
            looks at values on the CPU only: on a GPU that would wait for the device.

    Raises:
        TypeError: a wrong dtype.
        ValueError: a wrong shape; negative classes; shares outside [0, 1] or not summing to 1.
    """

    __slots__ = ("classes", "shares", "smoothing")

    def __init__(
        self,
        classes: Tensor,
        shares: Tensor,
        smoothing: Tensor | None = None,
        *,
        check: bool | None = None,
    ) -> None:
        if classes.is_floating_point() or classes.is_complex() or classes.dtype == torch.bool:
            raise TypeError(f"classes must be integers, got {classes.dtype}")
        if not shares.is_floating_point():
            raise TypeError(f"shares must be floating point, got {shares.dtype}")
        if classes.ndim != 2 or classes.shape != shares.shape or classes.shape[1] == 0:
            raise ValueError(
                "classes and shares must both be (N, K) with K >= 1, got "
                f"{tuple(classes.shape)} and {tuple(shares.shape)}"
            )
        if smoothing is not None and smoothing.shape != classes.shape[:1]:
            raise ValueError(
                f"smoothing must be ({classes.shape[0]},), one value a sample, "
                f"got {tuple(smoothing.shape)}"
            )
        self.classes = classes.long()
        self.shares = shares
        self.smoothing = smoothing
        if looks_at_values(check, shares):
            self.validate()

    # -- how they are made ---------------------------------------------------------------

    @classmethod
    def from_labels(cls, labels: Tensor, *, dtype: torch.dtype = torch.float32) -> MixedLabels:
        """Plain (N,) integer labels as mixtures of one class."""
        if labels.ndim != 1:
            raise ValueError(f"labels must be (N,), got {tuple(labels.shape)}")
        shares = torch.ones(labels.shape[0], 1, dtype=dtype, device=labels.device)
        return cls(labels[:, None], shares)

    @classmethod
    def from_dense(cls, dense: Tensor, k: int = 2, *, check: bool | None = None) -> MixedLabels:
        r"""Classes and shares back from (N, C) soft labels.

        Label smoothing is recognised: what every class has at least,
        :math:`\min_c y_c = s / C`, is taken as spread evenly, and the shares are what is left.
        This is the smoothing of timm, torchvision, mmpretrain (``mode='original'``) and
        :func:`torch.nn.functional.cross_entropy`. It needs a class outside the mixture, so it
        is not looked for when ``C <= k``.

        Args:
            dense: (N, C) soft labels, rows sum to 1.
            k: how many classes a row mixes at most; rows with fewer get shares of 0.
            check: whether to look at the values (see :class:`MixedLabels`): that rows sum to 1
                and mix no more than ``k`` classes.

        Raises:
            ValueError: not (N, C); ``k`` out of range; with ``check``, values that are no soft
                labels of at most ``k`` classes.
        """
        _check_dense(dense)
        num_classes = dense.shape[1]
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        k = min(k, num_classes)
        dense = at_least_float32(dense)
        top, classes = _top_k(dense, k)
        if num_classes > k:
            floor = dense.amin(dim=1)
            smoothing = floor * num_classes
            # A row that is all smoothing (1/C everywhere) names no class: the first of the top k
            # takes it whole, and at s = 1 that share counts for nothing.
            whole = smoothing >= 1 - 1e-6
            left = torch.where(whole, torch.ones_like(smoothing), 1 - smoothing)
            shares = ((top - floor[:, None]) / left[:, None]).clamp_min(0)
            first = torch.zeros_like(shares)
            first[:, 0] = 1
            shares = torch.where(whole[:, None], first, shares)
            smoothing = torch.where(whole, torch.ones_like(smoothing), smoothing)
        else:
            smoothing, shares = None, top
        if looks_at_values(check, dense):
            _validate_dense(dense, shares, k)
        return cls(classes, shares, smoothing, check=False)

    @classmethod
    def from_multi_label(cls, targets: Tensor, k: int) -> MixedLabels:
        """(N, C) multi-label targets as mixtures: shares are the targets over their row's sum.

        ``k`` is the largest number of positive classes in a row. A row without any positive
        class has nothing to mix and is an error where values are looked at (on the CPU).
        """
        _check_dense(targets)
        targets = at_least_float32(targets)
        total = targets.sum(dim=1, keepdim=True)
        if looks_at_values(None, targets) and bool((total <= 0).any()):
            row = int((total[:, 0] <= 0).nonzero()[0])
            raise ValueError(f"targets: row {row} has no positive class")
        return cls.from_dense(targets / total, k)

    @classmethod
    def where(cls, condition: Tensor, first: MixedLabels, second: MixedLabels) -> MixedLabels:
        """Row by row, ``first`` where the (N,) ``condition`` holds, else ``second``."""
        k = max(first.classes.shape[1], second.classes.shape[1])
        a, b = first._padded(k), second._padded(k)
        smoothing = None
        if a.smoothing is not None or b.smoothing is not None:
            smoothing = torch.where(condition, a._smoothing(), b._smoothing())
        rows = condition[:, None]
        classes = torch.where(rows, a.classes, b.classes)
        shares = torch.where(rows, a.shares, b.shares.to(a.shares.dtype))
        return cls(classes, shares, smoothing, check=False)

    @classmethod
    def cat(cls, parts: Sequence[MixedLabels]) -> MixedLabels:
        """The samples of all ``parts``, one after the other; K is the largest of theirs."""
        k = max(part.classes.shape[1] for part in parts)
        parts = [part._padded(k) for part in parts]
        smoothing = None
        if any(part.smoothing is not None for part in parts):
            smoothing = torch.cat([part._smoothing() for part in parts])
        classes, shares = [part.classes for part in parts], [part.shares for part in parts]
        return cls(torch.cat(classes), torch.cat(shares), smoothing, check=False)

    def blend(self, other: MixedLabels, share: Tensor) -> MixedLabels:
        """``share`` (N,) of these labels and the rest of ``other``: K of both side by side."""
        share = share.to(self.shares.dtype)
        rest = torch.rsub(share, 1)
        smoothing = None
        if self.smoothing is not None or other.smoothing is not None:
            # Smoothing of the blend, and shares relative to what is not smoothed.
            own, others = self._smoothing(), other._smoothing()
            smoothing = share * own + rest * others
            sharp, other_sharp = share * (1 - own), rest * (1 - others)
            left = sharp + other_sharp  # not 1 - smoothing, which loses digits near 0
            even = left <= 0
            left = torch.where(even, torch.ones_like(left), left)
            share = torch.where(even, share, sharp / left)
            rest = torch.where(even, rest, other_sharp / left)
        if self.classes.shape[1] == other.classes.shape[1] == 1:
            shares = torch.stack([share, rest], dim=1)  # each is one class and its share is 1
        else:
            shares = torch.cat([self.shares * share[:, None], other.shares * rest[:, None]], dim=1)
        classes = torch.cat([self.classes, other.classes], dim=1)
        return MixedLabels(classes, shares, smoothing, check=False)

    # -- what can be read off ------------------------------------------------------------

    def dense(self, num_classes: int, dtype: torch.dtype | None = None) -> Tensor:
        """(N, ``num_classes``) soft labels."""
        if looks_at_values(None, self.shares):
            self.validate(num_classes)
        dtype = dtype or self.shares.dtype
        soft = torch.zeros(len(self), num_classes, dtype=dtype, device=self.shares.device)
        soft = soft.scatter_add(1, self.classes, self.shares.to(dtype))
        if self.smoothing is not None:
            smoothing = self.smoothing.to(dtype)[:, None]
            soft = soft * (1 - smoothing) + smoothing / num_classes
        return soft

    def validate(self, num_classes: int | None = None) -> None:
        """Looks at the values (on a GPU this waits for the device).

        Raises:
            ValueError: a class outside ``[0, num_classes)``, a share or smoothing outside
                [0, 1] or not finite, a row of shares that does not sum to 1.
        """
        if len(self) == 0:
            return
        lowest, highest = (int(v) for v in self.classes.aminmax())
        if lowest < 0 or (num_classes is not None and highest >= num_classes):
            bad = lowest if lowest < 0 else highest
            allowed = "0 or more" if num_classes is None else f"in [0, {num_classes})"
            raise ValueError(f"classes must be {allowed}, got {bad}")
        shares = self.shares.detach()
        tolerance = _SUM_TOLERANCE.get(shares.dtype, _COARSE_SUM_TOLERANCE)
        _check_unit_interval("shares", shares, tolerance)
        _check_row_sums("shares", shares.double(), tolerance)
        if self.smoothing is not None:
            _check_unit_interval("smoothing", self.smoothing.detach(), tolerance)

    def to(self, *args: Any, **kwargs: Any) -> MixedLabels:
        """Like :meth:`torch.Tensor.to`; a dtype acts on the shares, classes stay integers."""
        shares = self.shares.to(*args, **kwargs)
        smoothing = None if self.smoothing is None else self.smoothing.to(*args, **kwargs)
        return MixedLabels(self.classes.to(shares.device), shares, smoothing, check=False)

    def pin_memory(self) -> MixedLabels:
        """In page-locked memory: what a ``DataLoader(pin_memory=True)`` asks of a batch's parts."""
        return self._of_each(Tensor.pin_memory)

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> MixedLabels:
        """The labels of some samples: a slice, a mask or an index of rows."""
        return self._of_each(lambda part: part[rows])

    def take(self, index: Tensor) -> MixedLabels:
        """``labels[index]`` for (N,) integers, none of them negative, which takes less time."""
        return self._of_each(lambda part: part.index_select(0, index))

    def __len__(self) -> int:
        return self.classes.shape[0]

    def __repr__(self) -> str:
        smoothed = "" if self.smoothing is None else f", smoothing={self.smoothing}"
        return f"MixedLabels(classes={self.classes}, shares={self.shares}{smoothed})"

    def _of_each(self, change: Callable[[Tensor], Tensor]) -> MixedLabels:
        smoothing = None if self.smoothing is None else change(self.smoothing)
        return MixedLabels(change(self.classes), change(self.shares), smoothing, check=False)

    def _smoothing(self) -> Tensor:
        if self.smoothing is None:
            return self.shares.new_zeros(len(self))
        return self.smoothing.to(self.shares.dtype)

    def _padded(self, k: int) -> MixedLabels:
        missing = k - self.classes.shape[1]
        if missing == 0:
            return self
        # A repeated class with a share of 0 changes nothing.
        classes = torch.cat([self.classes, self.classes[:, :1].expand(-1, missing)], dim=1)
        shares = torch.cat([self.shares, self.shares.new_zeros(len(self), missing)], dim=1)
        return MixedLabels(classes, shares, self.smoothing, check=False)


def as_mixed_labels(labels: MixedLabels | Tensor, k: int = 2) -> MixedLabels:
    """What a loss accepts, as :class:`MixedLabels`.

    Args:
        labels: :class:`MixedLabels`; (N,) integer classes; or (N, C) soft labels, of which a
            row mixes at most ``k`` classes.
        k: see :meth:`MixedLabels.from_dense`.

    Raises:
        TypeError: anything else.
    """
    if isinstance(labels, MixedLabels):
        return labels
    if isinstance(labels, Tensor):
        if labels.is_floating_point():
            return MixedLabels.from_dense(labels, k)
        if labels.ndim == 1 and labels.dtype != torch.bool:
            return MixedLabels.from_labels(labels)
        raise TypeError(
            "labels must be MixedLabels, (N,) integers or (N, C) floating-point soft labels, got "
            f"{labels.dtype} of shape {tuple(labels.shape)}"
        )
    raise TypeError(f"labels must be MixedLabels or a Tensor, got {type(labels).__name__}")


def _check_dense(dense: Tensor) -> None:
    if not dense.is_floating_point():
        raise TypeError(f"soft labels must be floating point, got {dense.dtype}")
    if dense.ndim != 2:
        raise ValueError(f"soft labels must be (N, C), got {tuple(dense.shape)}")


def _top_k(dense: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row; for pairs two maxima, which is much faster than a sort."""
    if k > 2:
        return dense.topk(k, dim=1)
    value, index = dense.max(dim=1, keepdim=True)
    if k == 1:
        return value, index
    second, other = dense.scatter(1, index, -torch.inf).max(dim=1, keepdim=True)
    return torch.cat([value, second], dim=1), torch.cat([index, other], dim=1)


def _validate_dense(dense: Tensor, shares: Tensor, k: int) -> None:
    if dense.shape[0] == 0:
        return
    _check_unit_interval("soft labels", dense, 1e-3)
    _check_row_sums("soft labels", dense.double(), 1e-2)
    named = shares.double().sum(dim=1)
    short = named < 1 - 1e-2
    if bool(short.any()):
        row = int(short.nonzero()[0])
        raise ValueError(
            f"soft labels: row {row} mixes more than k={k} classes (the largest {k} hold "
            f"{float(named[row]):.3g} of it); give k as large as the mixture"
        )


def _check_unit_interval(name: str, values: Tensor, tolerance: float) -> None:
    good = (values >= -tolerance) & (values <= 1 + tolerance)  # false for nan
    if not bool(good.all()):
        bad = values[~good][0]
        raise ValueError(f"{name} must be in [0, 1], got {float(bad):g}")


def _check_row_sums(name: str, values: Tensor, tolerance: float) -> None:
    total = values.sum(dim=1)
    bad = (total - 1).abs() > tolerance
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        hint = "; multi-label targets go through MixedLabels.from_multi_label or DM(BCE)"
        raise ValueError(
            f"{name}: each row must sum to 1, row {row} sums to {float(total[row]):.6g}"
            + (hint if name == "soft labels" else "")
        )


#: (N,) classes, sparse labels, or dense (N, C).
Labels: TypeAlias = MixedLabels | Tensor
