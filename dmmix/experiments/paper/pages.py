"""What pages take from the tables, between ``<!-- paper: NAME -->`` and ``<!-- /paper -->``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from dmmix.configuration.python_text import assignments
from dmmix.experiments.paper.bases import OBJECTIVE_FILES, alpha_is
from dmmix.experiments.paper.methods import METHODS
from dmmix.experiments.paper.mixes import MIXES, NOT_BUILT
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.paper.rules import CUTTING, DYNAMIC, INTERPOLATING, STATIC, by_recipe
from dmmix.experiments.paper.settings import loss_config, mix_config
from dmmix.experiments.paper.tables import TABLES

_BLOCK = re.compile(r"(<!-- paper: (.+?) -->\n).*?(<!-- /paper -->)", re.DOTALL)


def filled(page: str) -> str:
    """The text of a page, what stands in its blocks being that of the tables.

    Raises:
        ValueError: a block has a name that is none.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{_block(block[2])}\n{block[3]}", page)


def _block(name: str) -> str:
    kind, _, mixup = name.partition(" ")
    if kind in ("config", "numbers") and mixup in MIXES:
        return (_config(mixup) if kind == "config" else "") + _numbers(mixup)
    if name not in _BLOCKS:
        raise ValueError(
            f"no block {name!r}: there are {', '.join(_BLOCKS)}, and config or numbers of a mix"
        )
    return _BLOCKS[name]()


# The page of a mix


def _config(name: str) -> str:
    code = assignments(dict(model=dict(mixup=mix_config(name, "dm_ce"))))
    file = f"configs/_base_/mixups/{name}.py"
    return f"In a config; the base file is `{file}`:\n\n```python\n{code}```\n\n"


def _numbers(name: str) -> str:
    row = MIXES[name]
    eta, t, xi = by_recipe(row.kind.eta, ""), row.pixels.t, row.pixels.xi
    text = f"`alpha` is {alpha_is(row)}. " if row.has_alpha and row.alpha is None else ""
    text += (
        f"{row.kind.name.capitalize()} mixes go with [`eta={eta:g}`](../loss.md#hyper-parameters) "
        f"in DM(CE), {row.pixels.name} ones with `t={t:g}, xi={xi:g}` in DM(BCE)."
    )
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


# Tables


def _rows(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    first, *others = (f"| {' | '.join(row)} |".replace("|  |", "| |") for row in [head, *rows])
    return "\n".join([first, f"|{'---|' * len(head)}", *others])


def _hyper_parameters() -> str:
    places = {
        "CIFAR-100 and ImageNet-1k": "",
        "Tiny-ImageNet and fine-grained, ResNet-18": "tiny_imagenet/resnet18",
        "Tiny-ImageNet and fine-grained, ResNeXt-50": "tiny_imagenet/resnext50",
    }
    kinds = (STATIC, DYNAMIC)
    etas = [
        [f"`eta`, {place}", *(f"{by_recipe(kind.eta, recipe):g}" for kind in kinds)]
        for place, recipe in places.items()
    ]
    alphas = ["`alpha` of the mix", *(f"{kind.alpha:g}" for kind in kinds)]
    rescaling = [
        [f"{pixels.name} mixes", f"{pixels.t:g}", f"{pixels.xi:g}"]
        for pixels in (CUTTING, INTERPOLATING)
    ]
    first = _rows(["", *(kind.name for kind in kinds)], [*etas, alphas])
    return f"{first}\n\n{_rows(['DM(BCE)', '`t`', '`xi`'], rescaling)}"


def _objectives() -> str:
    rows = []
    for name, (objective, mixup, used_for) in OBJECTIVE_FILES.items():
        options = list(loss_config(objective, mixup).items())[1:]
        numbers = ", ".join(f"`{key}={value!r}`" for key, value in options)
        rows.append([f"`{name}`", OBJECTIVES[objective].about, numbers, used_for])
    return _rows(["file in `_base_/objectives/`", "objective", "", "for"], rows)


def _published(name: str, columns: Mapping[str, Mapping[str, str]], between: str = " ") -> str:
    """A table; in a column all that stands at these values."""
    titles = {
        **{name: row.title for name, row in METHODS.items()},
        **{name: row.type or name for name, row in MIXES.items()},
        **NOT_BUILT,
    }
    table = TABLES[name]
    rows = []
    for row in table.values:
        here = [number for number in table.numbers() if number.at[table.rows] == row]
        rows.append([titles[row]])
        for at in columns.values():
            values = (f"{n.value:.2f}" for n in here if at.items() <= n.at.items())
            rows[-1].append(between.join(values))
    return _rows(["", *columns], rows)


def _fgsm() -> str:
    recipes = {"CIFAR-100": "c100_r18", "Tiny-ImageNet": "tiny_r18"}
    return _published("fgsm", {head: dict(recipe=name) for head, name in recipes.items()}, ", ")


def _semi() -> str:
    columns = TABLES["semi"].columns
    return _published("semi", {f"{at['recipe'].upper()} {at['labels']}": at for at in columns})


def _transfer() -> str:
    recipes = {"CUB-200-2011": "cub", "FGVC-Aircraft": "aircraft", "Stanford Cars": "cars"}
    return _published("transfer", {head: dict(recipe=name) for head, name in recipes.items()})


_BLOCKS = {
    "hyper-parameters": _hyper_parameters,
    "objectives": _objectives,
    "fgsm": _fgsm,
    "semi": _semi,
    "transfer": _transfer,
}
