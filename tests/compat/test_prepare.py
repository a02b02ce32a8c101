"""dmmix.compat as a whole."""

import subprocess
import sys

import pytest

from dmmix import compat

pytestmark = pytest.mark.openmmlab


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, dmmix.compat\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'mmengine', 'mmcv', 'mmpretrain'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_second_call_changes_nothing():
    compat.prepare()
    from mmengine.runner import checkpoint

    before = dict(vars(checkpoint))
    compat.prepare()
    from dmmix.compat import checkpoint as ours

    ours.prepare()  # not even without the flag of compat.prepare
    assert all(vars(checkpoint)[name] is value for name, value in before.items())


def test_mmengine_missing_names_the_remedy(monkeypatch):
    from dmmix.compat import checkpoint

    monkeypatch.setitem(sys.modules, "mmengine", None)
    with pytest.raises(ImportError, match=r'pip install "dmmix\[mm\]"'):
        checkpoint.prepare()
