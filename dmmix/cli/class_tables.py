"""What a test says of each class, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

#: Of more classes than this only the worst are shown.
MOST_CLASSES, _WORST, _CONFUSIONS = 20, 10, 10


def print_classes(matrix: Tensor, names: Sequence[str], all_classes: bool) -> None:
    """The classes, the worst first, and which are taken for which the most."""
    from rich.console import Console
    from rich.table import Table

    from dmmix.evaluation.confusions import class_scores, largest_confusions

    console = Console()
    scores = sorted(class_scores(matrix, names), key=lambda s: (math.isnan(s.recall), s.recall))
    seen = [score for score in scores if score.images]
    shown = scores if all_classes or len(scores) <= MOST_CLASSES else scores[:_WORST]
    table = Table("class")
    for title in ("images", "recall", "precision", "F1"):
        table.add_column(title, justify="right")
    for name, images, *shares in shown:
        table.add_row(name, f"{images:,}", *map(_percent, shares))
    if seen:
        means = [[share for share in column if not math.isnan(share)] for column in _shares(seen)]
        table.add_section()
        table.add_row(
            f"mean of {len(seen)} classes",
            f"{sum(score.images for score in seen):,}",
            *(_percent(sum(mean) / len(mean) if mean else math.nan) for mean in means),
        )
    console.print(table)
    if len(shown) < len(scores):
        console.print(
            f"The {len(shown)} classes of {len(scores)} that are recognised worst; --all-classes "
            "shows all.",
            highlight=False,
        )
    confusions = largest_confusions(matrix, names, _CONFUSIONS)
    if confusions:
        table = Table("is", "taken for", "images", "of")
        of = {score.name: score.images for score in scores}
        for truth, predicted, count in confusions:
            table.add_row(truth, predicted, f"{count:,}", f"{of[truth]:,}")
        console.print(table)


def classes_as_data(matrix: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """The same for a file: ``classes``, and ``confusions``, counts of truth by prediction."""
    from dmmix.evaluation.confusions import class_scores

    rows = [score._asdict() for score in class_scores(matrix, names)]
    for row in rows:
        row.update({k: None for k, v in row.items() if isinstance(v, float) and math.isnan(v)})
    return {"classes": rows, "confusions": matrix.tolist()}


def _shares(scores: Sequence[Any]) -> Any:
    return zip(*((s.recall, s.precision, s.f1) for s in scores), strict=True)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"
