"""tools/benchmarks/_report.py: a file of numbers says what made it."""

import json
import re
import subprocess
import sys

import pytest
import torch


@pytest.fixture
def report(tool):
    return tool("_report")


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit, and what runs git in it."""

    def git(*arguments):
        names = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        command = ["git", "-C", str(tmp_path), *names, *arguments]
        options = dict(check=True, capture_output=True, text=True, encoding="utf-8")
        return subprocess.run(command, **options).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("a", encoding="utf-8")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    return tmp_path, git


def test_numbers_behind_where_they_are_from(report, root, tmp_path, monkeypatch):
    tool = str(root / "tools" / "benchmarks" / "loss.py")
    monkeypatch.setattr(sys, "argv", [tool, "--threads", "2", "--shapes", "a b"])
    out = tmp_path / "new" / "numbers.json"
    report.write_report(out, {"rows": [1.5]}, threads=7, packages=("pytest", "no-such-package"))
    read = json.loads(out.read_text(encoding="utf-8"))
    assert list(read) == ["environment", "rows"]
    about = read["environment"]
    assert about["command"] == "python tools/benchmarks/loss.py --threads 2 --shapes 'a b'"
    assert about["torch"] == torch.__version__
    assert about["pytest"] == pytest.__version__
    assert about["threads"] == 7
    assert "no-such-package" not in about
    assert about["commit"] == report.commit_of(root)


def test_the_commit(report, checkout):
    folder, git = checkout
    commit = git("rev-parse", "HEAD")
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert report.commit_of(folder) == commit
    (folder / "untracked").write_text("a", encoding="utf-8")
    assert report.commit_of(folder) == commit
    (folder / "file").write_text("b", encoding="utf-8")
    assert report.commit_of(folder) == f"{commit}, changed"


def test_no_commit(report, checkout, monkeypatch):
    """In a folder below another repository, and without git."""
    folder, _ = checkout
    below = folder / "site-packages"
    below.mkdir()
    assert report.commit_of(below) is None
    assert report.commit_of(folder / "nowhere") is None
    monkeypatch.setenv("PATH", str(below))
    assert report.commit_of(folder) is None
