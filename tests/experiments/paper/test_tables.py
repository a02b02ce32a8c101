"""The published tables beside the sweeps: no number stands where nothing looks."""

import runpy

from dmmix.experiments.grid.sweep_file import read_sweep
from dmmix.experiments.paper.methods import METHODS
from dmmix.experiments.paper.mixes import MIXES, NOT_BUILT
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.paper.tables import TABLES


def test_every_number_has_a_cell_or_its_mix_is_not_built(root):
    unseen = {name: list(table.numbers()) for name, table in TABLES.items()}
    for file in (root / "configs" / "sweeps").glob("*.py"):
        name = runpy.run_path(str(file)).get("published")
        if isinstance(name, str):
            sweep = read_sweep(file)
            only = next(iter(sweep.recipes))
            points = [{"recipe": only, **point}.items() for point in sweep.points()]
            unseen[name] = [
                n for n in unseen[name] if not any(n.at.items() <= point for point in points)
            ]
    assert len(unseen.pop("fgsm")) == 20  # a page has it
    without = {
        (name, *number.at.values())
        for name, numbers in unseen.items()
        for number in numbers
        if not {*number.at.values()} & {*NOT_BUILT}
    }
    assert without == {
        # It asks for a feature map, which a token is not.
        ("vit_cifar100", "attentivemix", "deit_s", "mce", "200"),
        ("vit_cifar100", "attentivemix", "deit_s", "mce", "600"),
        # With all labels nothing is unlabelled.
        *(("asymmetrical_strategy", row, "1.0") for row in TABLES["asymmetrical_strategy"].values),
    }


def test_numbers_are_percentages_of_known_rows():
    known = {"mixup": {*MIXES, *NOT_BUILT}, "objective": {*OBJECTIVES}, "method": {*METHODS}}
    for name, table in TABLES.items():
        for number in table.numbers():
            assert 10 < number.value < 100, (name, number)
            for axis in known.keys() & number.at.keys():
                assert number.at[axis] in known[axis], (name, number)
