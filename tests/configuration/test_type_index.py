"""The index of types: right, made once, and made anew where something else is installed."""

import inspect
import json
import os

import pytest
from mmengine import registry as mmengine
from mmpretrain import registry as mmpretrain

from dmmix import registry as ours
from dmmix.configuration import type_index
from dmmix.configuration.type_check import arguments

pytestmark = pytest.mark.openmmlab
PACKAGES = ("dmmix", "mmpretrain", "mmengine", "mmcv")


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """The folder of the cache, empty; and how often the index was made since."""
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path))
    type_index.type_index.cache_clear()
    made, make = [], type_index._made
    monkeypatch.setattr(type_index, "_made", lambda: made.append(1) or make())
    yield tmp_path / "dmmix", made
    type_index.type_index.cache_clear()


def registries():
    for module in (mmengine, mmpretrain, ours):
        for registry in vars(module).values():
            if isinstance(registry, mmengine.Registry):
                registry.import_from_location()
                yield registry


def test_everything_registered_is_known():
    index = type_index._made()
    for registry in registries():
        assert {*registry.module_dict} <= {*index}
    assert len(index) > 500


def test_known_arguments_are_never_too_few():
    """Against what Python says of the classes themselves."""
    index, compared = type_index._made(), 0
    for registry in registries():
        for name, kind in registry.module_dict.items():
            if index[name] is None or not inspect.isclass(kind):
                continue
            named = {
                each.name
                for each in inspect.signature(kind.__init__).parameters.values()
                if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
            }
            assert named - {"self"} <= {*index[name]}, kind
            compared += 1
    assert compared > 300


def test_it_is_made_once(fresh):
    folder, made = fresh
    first = type_index.type_index()
    assert "lr" in first["SGD"]
    assert type_index.type_index() is first
    type_index.type_index.cache_clear()
    assert type_index.type_index() == first
    assert len(made) == 1
    (file,) = folder.iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["types"] == first


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1, 2]",
        "null",
        '{"CutMix": ["evil"]}',
        '{"types": {"CutMix": ["evil"]}}',
        '{"sha256": "0", "types": {"CutMix": ["evil"], "MixupClassifier": 3}}',
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_replaced(fresh, content):
    folder, made = fresh
    right = type_index.type_index()
    (file,) = folder.iterdir()
    file.write_text(content, encoding="utf-8")
    type_index.type_index.cache_clear()
    assert type_index.type_index() == right
    type_index.type_index.cache_clear()
    assert type_index.type_index() == right
    assert len(made) == 2


def test_another_version_has_its_own_and_few_are_kept(fresh, monkeypatch):
    folder, made = fresh
    folder.mkdir()
    for number in range(10):
        (folder / f"types-{number}.json").write_text("{}", encoding="utf-8")
        os.utime(folder / f"types-{number}.json", (number, number))
    type_index.type_index()
    kept = {file.name for file in folder.iterdir()}
    assert len(kept) == 8
    assert "types-9.json" in kept
    assert "types-0.json" not in kept
    monkeypatch.setattr(type_index, "_FORM", -1)
    type_index.type_index.cache_clear()
    type_index.type_index()
    assert len({file.name for file in folder.iterdir()} - kept) == 1
    assert len(made) == 2


def test_a_change_of_the_checkout_makes_another(tmp_path, monkeypatch):
    package = tmp_path / "dmmix"
    package.mkdir()
    (package / "part.py").write_text("", encoding="utf-8")
    folders = type_index._folders
    monkeypatch.setattr(
        type_index, "_folders", lambda name: [str(package)] if name == "dmmix" else folders(name)
    )
    before = type_index._key()
    assert type_index._key() == before
    os.utime(package / "part.py", (1, 1))
    assert type_index._key() != before


def test_a_cache_that_cannot_be_written_to_is_no_error(fresh):
    folder, made = fresh
    folder.write_text("a file", encoding="utf-8")
    assert "SGD" in type_index.type_index()
    assert len(made) == 1


def test_what_takes_any_argument_is_not_judged():
    class Base:
        def __init__(self, size=1):
            pass

    class HandsOn(Base):
        def __init__(self, name, **kwargs):
            super().__init__(**kwargs)

    class Keeps(Base):
        def __init__(self, **kwargs):
            self.rest = kwargs.pop("rest", None)
            super().__init__(**kwargs)

    assert type_index._arguments(HandsOn) == ["name", "size"]
    assert type_index._arguments(Keeps) is None
    assert type_index._arguments(lambda a, b=1: None) == ["a", "b"]
    assert type_index._arguments(lambda a, **rest: None) is None


def test_what_arguments_gives_is_the_callers_own():
    arguments("SGD").clear()
    assert "lr" in arguments("SGD")
    assert arguments("Absent") == set()
