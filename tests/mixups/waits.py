"""What would wait for a GPU, noticed on a CPU; and how many operations run."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """Collects operations that on a GPU would wait for the device."""

    NAMES = (
        "_local_scalar_dense",
        "item",
        "nonzero",
        "is_nonzero",
        "equal",
        "masked_select",
        "unique",
        "allclose",
    )

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if any(name.lstrip("_") == n.lstrip("_") for n in self.NAMES) or "unique" in name:
            self.found.append(name)
        if name in ("index", "index_put", "index_put_"):
            masks = [i for i in args[1] if i is not None and i.dtype == torch.bool]
            self.found += [f"{name} with a mask"] * len(masks)
        return func(*args, **(kwargs or {}))


class Operations(TorchDispatchMode):
    """How many there are."""

    number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += 1
        return func(*args, **(kwargs or {}))
