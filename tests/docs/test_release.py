"""A release has one version, and the changelog says when it came."""

import os
import re
from datetime import date
from pathlib import Path

import pytest
from packaging.version import Version

from dmmix import __version__

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)


def test_changelog_and_citation_have_the_version_and_its_day():
    unreleased, newest, *_ = HEADINGS
    assert unreleased == "Unreleased"
    version, day = newest.split(" - ")
    assert version == __version__
    assert f"\nversion: {version}\ndate-released: {day}\n" in CITATION
    date.fromisoformat(day)
    versions = [Version(heading.split(" - ")[0]) for heading in HEADINGS[1:]]
    assert versions == sorted(versions, reverse=True)


@pytest.mark.skipif("DMMIX_WHEEL" not in os.environ, reason="make dist tries what it has built")
def test_the_files_of_a_release_have_it_too():
    wheel = Path(os.environ["DMMIX_WHEEL"])
    assert wheel.name == f"dmmix-{__version__}-py3-none-any.whl"
    assert {file.name for file in wheel.resolve().parent.iterdir()} - {".gitignore"} == {
        wheel.name,
        f"dmmix-{__version__}.tar.gz",
    }
