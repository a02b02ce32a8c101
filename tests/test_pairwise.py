"""tests/pairwise.py: nothing but the number of cases is lost."""

from itertools import combinations, product

from tests.pairwise import pairwise


def test_every_two_values_meet():
    axes = dict(a=range(4), b=["x", "y", "z"], c=[None, 1.0], d=[True, False], e=range(3))
    names, rows = pairwise(**axes)
    assert names == list(axes)
    found = {pair for row in rows for pair in combinations(enumerate(row), 2)}
    for (i, one), (j, other) in combinations(enumerate(axes.values()), 2):
        assert {((i, x), (j, y)) for x, y in product(one, other)} <= found
    assert set(rows) <= set(product(*axes.values()))
    assert 12 <= len(rows) <= 18  # of 144; twelve are the pairs of the two longest
    assert pairwise(**axes) == (names, rows)


def test_of_two_arguments_it_is_all_combinations():
    assert pairwise(a=[1, 2], b=[3, 4]) == (["a", "b"], [(1, 3), (1, 4), (2, 3), (2, 4)])
