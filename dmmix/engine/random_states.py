"""The random states of a process, in a form that a checkpoint can hold as plain data."""

import random
from typing import Any

import numpy as np
import torch

__all__ = ["capture", "restore", "seed_afresh"]


def capture() -> dict:
    """Copy the states of Python, NumPy (its global generator), torch, and torch's current GPU.

    Only the GPU that this process works on: asking for the others would start a context on each.

    Returns:
        Tensors and plain numbers only, so that it loads with ``weights_only=True``.
    """
    version, words, gauss = random.getstate()
    numpy_: Any = np.random.get_state()
    _, keys, position, has_gauss, cached = numpy_
    states = {
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
        "numpy": {
            "keys": torch.from_numpy(keys.astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached_gaussian": float(cached),
        },
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore(states: dict) -> None:
    """Put back what :func:`capture` copied.

    Args:
        states: Its tensors may lie on any device (loading a checkpoint moves them). The state of a
            GPU is left out where there is none.
    """
    python, numpy_ = states["python"], states["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    keys = numpy_["keys"].cpu().numpy().astype(np.uint32)
    np.random.set_state(
        ("MT19937", keys, numpy_["position"], numpy_["has_gauss"], numpy_["cached_gaussian"])
    )
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"].cpu())


def seed_afresh(*entropy: int) -> None:
    """Seed everything from whole numbers, e.g. (seed, iteration, rank): same numbers, same states.

    Args:
        *entropy: Non-negative numbers.
    """
    python, torch_, *numpy_ = np.random.SeedSequence(entropy).generate_state(6, np.uint64)
    random.seed(int(python))
    torch.manual_seed(int(torch_ >> np.uint64(1)))  # 63 bits: torch seeds are signed
    np.random.seed([int(word) & 0xFFFFFFFF for word in numpy_])
