"""Cases in which every two values of two arguments meet, in the place of all combinations."""

from itertools import combinations, product


def pairwise(**axes):
    """What ``pytest.mark.parametrize`` takes: the names, and a few of all combinations.

    For laws in which arguments do not depend on each other, or at most two of them do. Each row
    begins with a pair that none has yet, and takes for each other argument the value that brings
    most new pairs.
    """
    names, values = list(axes), [list(axis) for axis in axes.values()]
    places = range(len(names))
    missing = {
        ((i, x), (j, y)): None  # a set that keeps its order
        for i, j in combinations(places, 2)
        for x, y in product(range(len(values[i])), range(len(values[j])))
    }
    rows = []
    while missing:
        row = dict(next(iter(missing)))
        for place in places:
            if place not in row:
                row[place] = max(
                    range(len(values[place])),
                    key=lambda x: sum(_pair((place, x), other) in missing for other in row.items()),
                )
        for pair in combinations(sorted(row.items()), 2):
            missing.pop(pair, None)
        rows.append(tuple(values[place][row[place]] for place in places))
    return names, rows


def _pair(one, other):
    return (one, other) if one < other else (other, one)
