"""What a run logged."""

import json


def scalars(folder):
    """The records of the one start of a run."""
    (log,) = folder.glob("*/vis_data/scalars.json")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
