"""Checkpoints with flipped bits, cut ends and swapped blocks: how many are loaded all the same.

``DMMIX_DAMAGE=1000 pytest tests/compat/test_damage.py`` tries that many of each kind, and
prints what came of them (docs/reliability.md).
"""

import io
import os
import random
from collections import Counter

import pytest
import torch
from mmengine.logging import HistoryBuffer

from dmmix.compat import CheckpointError, checkpoint, safe_load

pytestmark = pytest.mark.openmmlab

COUNT = int(os.environ.get("DMMIX_DAMAGE", "60"))


def content():
    """As a run leaves it: weights, momenta, a schedule, histories."""
    generator = torch.Generator().manual_seed(0)
    weights = {f"layers.{k}.weight": torch.randn(64, 24, generator=generator) for k in range(6)}
    weights["bn.num_batches_tracked"] = torch.tensor(7)
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    return {
        "meta": {"epoch": 3, "iter": 30, "seed": 1, "dataset_meta": {"classes": ["a", "b"]}},
        "state_dict": weights,
        "message_hub": {"log_scalars": {"train/loss": history}, "runtime_info": {"iter": 30}},
        "optimizer": {
            "state": {k: {"momentum_buffer": w.clone()} for k, w in enumerate(weights.values())},
            "param_groups": [{"lr": 0.1, "params": list(range(7))}],
        },
    }


def ours():
    file = io.BytesIO()
    checkpoint._save(content(), file)
    return file.getvalue()


def foreign():
    file = io.BytesIO()
    torch.save(content(), file)
    return file.getvalue()


def old():
    """The format before torch 1.6, which has no checksums."""
    file = io.BytesIO()
    torch.save(content(), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def flipped(data, draw):
    damaged = bytearray(data)
    damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def cut(data, draw):
    return data[: draw.randrange(len(data))]


def swapped(data, draw, size=512):
    """Two blocks of a disk in each other's places."""
    first, second = sorted(draw.sample(range(len(data) // size), 2))
    blocks = [data[k * size : (k + 1) * size] for k in range(-(-len(data) // size))]
    blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"".join(blocks)


def outcome(data, damaged, expected):
    if damaged == data:
        return "unchanged"
    try:
        loaded = safe_load.load(io.BytesIO(damaged), map_location="cpu")
    except CheckpointError:
        return "refused"
    return "same content" if plain(loaded) == expected else "other content"


def plain(value):
    """In a form that can be compared, with every bit of the tensors."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, HistoryBuffer):
        return [part.tolist() for part in value.data]
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    return value


@pytest.mark.parametrize("how", [flipped, cut, swapped])
@pytest.mark.parametrize("made", [ours, foreign, old])
def test_damage(made, how, capsys):
    data = made()
    expected = plain(safe_load.load(io.BytesIO(data), map_location="cpu"))
    draw = random.Random(f"{made.__name__} {how.__name__}")
    seen = Counter(outcome(data, how(data, draw), expected) for _ in range(COUNT))
    with capsys.disabled():
        print(f"\n{made.__name__}, {how.__name__}: {dict(sorted(seen.items()))}")
    assert seen["refused"] > 0
    if made is ours:
        assert set(seen) <= {"refused", "unchanged"}
    if made is foreign:  # a zip archive has checksums of its records, and none of its directory
        assert seen["other content"] == 0
