"""Runs grouped over seeds: means, deviations, paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev

from dmmix.configuration.errors import UserError
from dmmix.experiments.report.comparisons import holm, paired
from dmmix.experiments.store.run import Run
from dmmix.suggestions import suggestion_or_all

#: Names of what is measured in training, on the mixed samples themselves.
TRAINED = ("mixed_top1", "mixed_top2")
#: The axis that is averaged over.
SEED = "seed"


@dataclass(frozen=True)
class Difference:
    """A group minus the baseline, over the seeds that both have.

    Attributes:
        mean: of the differences.
        half_width: of the 95 % interval around it; ``None`` for one seed.
        n: seeds.
        p: of a paired t-test; ``None`` for one seed, and where a value is no number.
        p_holm: the same, corrected for all differences of the table.
    """

    mean: float
    half_width: float | None
    n: int
    p: float | None = None
    p_holm: float | None = None


@dataclass
class Group:
    """Runs that differ in nothing but the seed.

    Attributes:
        axes: what they share.
        values: by seed.
        published: the published number, if there is one.
        published_note: what keeps it from being compared as it stands, if anything.
        difference: to the baseline; ``None`` for the baseline itself, and where none is paired.
        unpaired: seeds that the baseline, or this group, lacks.
        trained: means of what was measured in training.
    """

    axes: dict[str, str]
    values: dict[str, float] = field(default_factory=dict)
    published: float | None = None
    published_note: str | None = None
    difference: Difference | None = None
    unpaired: list[str] = field(default_factory=list)
    trained: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        return mean(self.values.values())

    @property
    def p(self) -> float | None:
        """Of its difference."""
        return None if self.difference is None else self.difference.p

    @property
    def p_holm(self) -> float | None:
        """The same, corrected."""
        return None if self.difference is None else self.difference.p_holm

    @property
    def deviation(self) -> float | None:
        """The sample's, with n - 1; ``None`` for one seed."""
        values = self.values.values()
        if len(values) < 2:
            return None
        # Python's own raises where a value is no number, and that of one run is no error.
        return stdev(values) if all(map(math.isfinite, values)) else math.nan


def groups_of(
    runs: Sequence[Run], key: str, metric: str, baseline: Mapping[str, str] | None = None
) -> list[Group]:
    """The groups, in the order in which they come first.

    Args:
        runs: those that are finished.
        key: what is measured, such as ``accuracy/top1``.
        metric: which number of its curve (:mod:`dmmix.experiments.store.metric`).
        baseline: the values of some axes: what each group is compared with has these, and shares
            all its other axes.

    Raises:
        UserError: two runs of the same axes and seed; a baseline that no run has.
    """
    groups: dict[tuple, Group] = {}
    with_value = [run for run in runs if run.value(key, metric) is not None]
    for place, members in by_axes(with_value).items():
        values = {
            seed: value
            for seed, run in members.items()
            if (value := run.value(key, metric)) is not None
        }
        first = next(iter(members.values()))
        published, note = (first.about.get(name) for name in ("published", "published_note"))
        group = groups[place] = Group(dict(place), values, published, note)
        for name in TRAINED:
            measured = [
                value for run in members.values() if (value := run.value(name, metric)) is not None
            ]
            if len(measured) == len(members):
                group.trained[name] = mean(measured)
    if baseline:
        check_axes("--baseline", baseline.items(), runs, without=SEED)
        _compare(groups, baseline)
    return list(groups.values())


def by_axes(runs: Iterable[Run]) -> dict[tuple, dict[str, Run]]:
    """By the axes but for the seed, ``(axis, name)`` pairs, the runs that share them, by seed.

    Raises:
        UserError: two runs of the same axes and seed.
    """
    found: dict[tuple, dict[str, Run]] = {}
    for run in runs:
        place = tuple((axis, name) for axis, name in run.axes.items() if axis != SEED)
        other = found.setdefault(place, {}).setdefault(run.axes.get(SEED, ""), run)
        if other is not run:
            shown = ", ".join(f"{axis}={name}" for axis, name in run.axes.items())
            raise UserError(f"{other.folder} and {run.folder} are both {shown}: leave one out")
    return found


def seeds_in_order(seeds: Iterable[str]) -> list[str]:
    """As numbers, though they are text: 2 before 10."""
    return sorted(seeds, key=lambda seed: (len(seed), seed))


def _compare(groups: Mapping[tuple, Group], baseline: Mapping[str, str]) -> None:
    for group in groups.values():
        axes = {axis: baseline.get(axis, name) for axis, name in group.axes.items()}
        other = groups.get(tuple(axes.items()))
        if other is None:
            group.unpaired = seeds_in_order(group.values)
            continue
        if other is group:
            continue
        both = [seed for seed in group.values if seed in other.values]
        group.unpaired = seeds_in_order({*group.values} ^ {*other.values})
        if both:
            middle, half, p = paired([group.values[seed] - other.values[seed] for seed in both])
            group.difference = Difference(middle, half, len(both), p)
    tested = [
        (group, difference, p)
        for group in groups.values()
        if (difference := group.difference) is not None and (p := difference.p) is not None
    ]
    corrected = holm([p for *_, p in tested])
    for (group, difference, _), p in zip(tested, corrected, strict=True):
        group.difference = replace(difference, p_holm=p)


def check_axes(
    option: str, wanted: Iterable[tuple[str, str]], runs: Sequence[Run], without: str = ""
) -> None:
    """Each ``AXIS=VALUE`` of an option is that of some run, and of another axis than ``without``.

    Raises:
        UserError: one is not.
    """
    for axis, name in wanted:
        axes = {axis for run in runs for axis in run.axes} - {without}
        if axis not in axes:
            near = suggestion_or_all(axis, sorted(axes))
            raise UserError(f"{option}: no axis {axis!r}{near}")
        names = {run.axes[axis] for run in runs if axis in run.axes}
        if name not in names:
            near = suggestion_or_all(name, sorted(names))
            raise UserError(f"{option}: no finished run with {axis}={name}{near}")
