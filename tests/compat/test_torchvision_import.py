"""import torchvision, with builds of torchvision that match, do not match, or fail otherwise.

Each case runs in a process of its own, with a fake torchvision ahead of the installed one.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import dmmix

pytestmark = [pytest.mark.openmmlab, pytest.mark.slow]

REPOSITORY = Path(dmmix.__file__).parents[1]
REPORT = """
import sys, warnings
from dmmix.compat import torchvision as compat
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    compat.prepare()
    compat.prepare()
import torchvision
caught = [w for w in caught if w.category.__name__ == "TorchvisionWarning"]
print(len(caught), len(compat._libraries), getattr(torchvision, "runs", "-"))
for warning in caught:
    print(warning.message)
"""


def run(code, *folders):
    path = os.pathsep.join([*map(str, folders), str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture
def fake(tmp_path):
    """Write a package torchvision from the source of its modules; return the folder to import."""

    def write(**modules):
        package = tmp_path / "torchvision"
        package.mkdir()
        for name, source in modules.items():
            (package / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return tmp_path

    return write


def test_a_matching_build_is_left_alone(fake):
    done = run(REPORT, fake(__init__="import torch\nruns = 1\n"))
    assert done.stdout.split() == ["0", "0", "1"], done.stderr


def test_a_build_without_its_operators_is_imported_with_one_warning(fake):
    # `late` needs an operator that only its error message names, and describes it its own way.
    folder = fake(
        __init__="""
            __version__ = "0.99"
            from . import extension, _meta_registrations, late
        """,
        extension="",
        _meta_registrations="""
            import torch

            @torch.library.register_fake("torchvision::nms")
            def nms(dets, scores, iou_threshold): ...

            @torch.library.register_fake("torchvision::brand_new")
            def brand_new(anything): ...
        """,
        late="""
            import torch

            if not hasattr(torch.ops.torchvision, "later"):
                raise RuntimeError("operator torchvision::later does not exist")
        """,
    )
    done = run(REPORT, folder)
    assert done.returncode == 0, done.stderr
    counts, *message = done.stdout.splitlines()
    assert counts.split()[0] == "1"
    assert "0.99" in message[0]
    assert "roi_align" in message[0]
    assert "install the torchvision build" in message[0]


@pytest.fixture(scope="module")
def alone():
    """What `import torchvision` does here without us."""
    return run("import torchvision")


def test_the_installed_torchvision(alone):
    """Whatever is installed: it imports, and warns exactly if it could not on its own."""
    if alone.returncode and "does not exist" not in alone.stderr:
        pytest.skip("torchvision is not installed or fails otherwise")
    done = run(REPORT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == ("1" if alone.returncode else "0")


def test_calling_a_missing_operator_still_raises(alone):
    if "does not exist" not in alone.stderr:
        pytest.skip("the installed torchvision has its operators")
    done = run(
        REPORT
        + "import torch\ntry: torchvision.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)\n"
        + "except (RuntimeError, NotImplementedError) as error: print('raised')"
    )
    assert done.stdout.splitlines()[-1] == "raised", done.stderr


def test_missing():
    done = run("import sys; sys.modules['torchvision'] = None\n" + REPORT)
    assert done.returncode != 0
    assert 'pip install -e ".[mm]"' in done.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise RuntimeError('something else')", "RuntimeError: something else"),
        ("raise OSError('libcudart.so')", "OSError: libcudart.so"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        # Declaring does not help this one: given up, not tried for ever.
        (
            "raise RuntimeError('operator torchvision::nms does not exist')",
            "RuntimeError: operator torchvision::nms does not exist",
        ),
    ],
)
def test_any_other_failure_is_raised_as_it_is(fake, source, expected):
    done = run(REPORT, fake(__init__=source))
    assert done.stderr.strip().splitlines()[-1] == expected
