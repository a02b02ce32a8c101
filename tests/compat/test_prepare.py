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
    with pytest.raises(ImportError, match=r'checkout of dmmix, pip install -e "\.\[mm\]"'):
        checkpoint.prepare()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "raise ImportError('libxcb.so.1: cannot open shared object file')",
            "OpenCV does not load (libxcb.so.1: cannot open shared object file): this machine has "
            "no screen, so put the build without windows in its place: pip install --no-deps "
            "--force-reinstall opencv-python-headless",
        ),
        (
            None,
            "dmmix needs OpenCV here, which is not installed: in the checkout of dmmix, "
            'pip install -e ".[mm]"',
        ),
        ("import no_such_module", "No module named 'no_such_module'"),
    ],
    ids=["a library is missing", "not installed", "another module"],
)
def test_opencv_that_does_not_load(monkeypatch, tmp_path, source, says):
    from dmmix.compat import needed

    if source is None:
        monkeypatch.setitem(sys.modules, "cv2", None)
    else:
        monkeypatch.delitem(sys.modules, "cv2", raising=False)
        (tmp_path / "cv2.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError) as caught:
        needed.import_opencv()
    assert str(caught.value) == says
