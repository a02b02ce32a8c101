"""What a machine may lack, and what tests then do."""

import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path

import pytest

__all__ = [
    "FASTEST_START",
    "START_METHODS",
    "needs_a_compiler",
    "needs_modes_and_owners",
    "needs_symbolic_links",
]

START_METHODS = multiprocessing.get_all_start_methods()
#: Forked, since what spawning would import again takes longer than a test.
FASTEST_START = "fork" if "fork" in START_METHODS else "spawn"


def _makes_symbolic_links() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, "link").symlink_to("nowhere")
        except OSError:  # Windows asks for a privilege
            return False
    return True


needs_a_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "cl"))),
    reason="no C++ compiler, which torch.compile needs on a CPU",
)
needs_modes_and_owners = pytest.mark.skipif(
    os.name != "posix", reason="files have no modes and owners here"
)
needs_symbolic_links = pytest.mark.skipif(
    not _makes_symbolic_links(), reason="no symbolic links here"
)
