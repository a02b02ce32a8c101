"""Which blocks of a page are left out where a package is missing: those that need it, no others."""

import pytest

from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.optional import OPTIONAL, imported, runnable

PAGE = [
    "import torch\nimages = torch.zeros(2)",
    "import timm\nimages = timm.data(images)",
    "total = images.sum()",
    "images = torch.ones(2)",
    "total = images.sum()\nfrom lightning import Trainer",
    "from timm.data import Mixup as Other",
]


def left_out(*missing, page=PAGE):
    found = [Block("python", code, line) for line, code in enumerate(page, start=1)]
    kept, why = runnable(found, lambda name: name not in missing)
    assert len(kept) + len(why) == len(page)
    return why


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ((), []),
        (("transformers",), []),
        (("lightning",), ["line 5: no lightning"]),
        (("timm",), [f"line {line}: no timm" for line in (2, 3, 6)]),
        (("timm", "lightning"), [f"line {line}: no {name}" for line, name in
                                 ((2, "timm"), (3, "timm"), (5, "lightning"), (6, "timm"))]),
    ],
)  # fmt: skip
def test_what_needs_a_missing_package(missing, says):
    assert left_out(*missing) == says


def test_a_function_is_lost_with_its_block():
    page = ["import timm\ndef f():\n    pass", "f()", "def f():\n    pass"]
    assert left_out("timm", page=page) == ["line 1: no timm", "line 2: no timm"]


def test_a_package_that_nobody_knows_is_not_optional():
    assert imported("import lihgtning\nfrom timm.data import Mixup") == {"timm"}


def test_every_page_of_a_trainer_needs_its_own():
    for name in ("timm", "lightning", "huggingface", "accelerate"):
        found = blocks(ROOT / f"docs/frameworks/{name}.md", "python")
        package = {"huggingface": "transformers"}.get(name, name)
        assert imported(found[0].code) == {package}
        kept, why = runnable(found, lambda name: True)
        assert (kept, why) == (found, [])
    assert {"accelerate", "lightning", "timm", "transformers"} < OPTIONAL
