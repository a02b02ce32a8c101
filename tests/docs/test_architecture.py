"""The page on the floors is about the floors that the import contracts have."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def picture():
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "figures" / "architecture.py")))


def test_the_floors_are_those_of_the_contracts(picture):
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    on_page = [re.findall(r"`(\w+)`", row) for row in rows]
    assert [sorted(rooms) for rooms in on_page] == [sorted(rooms) for rooms in picture.floors()]


def test_every_room_of_the_package_is_on_a_floor(picture):
    package = {path.stem for path in (ROOT / "dmmix").iterdir() if (path / "__init__.py").exists()}
    package |= {path.stem for path in (ROOT / "dmmix").glob("*.py")}
    rooms = {room for floor in picture.floors() for room in floor}
    assert package - rooms == {"__init__", "__main__", "version"}
    assert rooms <= package


def test_the_way_of_a_batch_is_that_of_the_picture(picture):
    assert re.findall(r"^\d\. `(\w+)`:", PAGE, re.MULTILINE) == [room for room, *_ in picture.STEPS]


def test_the_picture_is_what_its_script_draws(picture):
    drawn = (ROOT / "docs" / "figures" / "architecture.svg").read_text(encoding="utf-8")
    assert drawn == picture.draw(), "run python docs/figures/architecture.py"


def test_files_that_are_named_exist():
    named = re.findall(r"`(dmmix/[\w/]+\.py)`", PAGE)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
