"""The command lines on the pages: each is parsed by its own command, and what it names exists."""

import argparse
import re
import runpy
import shutil
import sys

import pytest

from tests.docs.blocks import PAGES, ROOT, blocks, commands, pages_with

SHELL = ("bash", "console")
#: Shown, not run: output, listings of files, and Windows' own lines (CI runs those of the install
#: page).
SHOWN = ("text", "bat")
#: Files that a reader would have.
READERS = ("mine.py",)


def test_every_block_says_what_it_is():
    """What is Python or a command is run or parsed here; nothing else may pass for code."""
    known = {"python", *SHELL, *SHOWN}
    found = {
        (page.name, block.line, block.language)
        for page in PAGES
        for block in blocks(page)
        if block.language not in known and not block.language.startswith("{")
    }
    assert found == set()


class Parsed(BaseException):
    """Raised by a command that has read its line, in the place of what it would do."""


@pytest.fixture
def parse(monkeypatch):
    """What a command makes of its line."""
    original = argparse.ArgumentParser.parse_args

    def stop(parser, *args, **kwargs):
        raise Parsed(original(parser, *args, **kwargs))

    def run(main, *words):
        with monkeypatch.context() as patch:
            patch.setattr(argparse.ArgumentParser, "parse_args", stop)
            patch.setattr(sys, "argv", [*map(str, words)])
            with pytest.raises(Parsed) as parsed:
                main()
        return parsed.value.args[0]

    return run


@pytest.mark.parametrize("page", pages_with(*SHELL))
def test_commands(page, parse, call, monkeypatch):
    pytest.importorskip("mmpretrain")
    for block in blocks(ROOT / page, *SHELL):
        for words in commands(block):
            Line(parse, call, monkeypatch).check(words)


class Line:
    """A line of a page; its program decides what is asked of the rest."""

    def __init__(self, parse, call, monkeypatch):
        self.parse, self.call, self.monkeypatch = parse, call, monkeypatch

    def check(self, words):
        while re.match(r"\w+=", words[0]):
            assert read_by_a_test(words[0].partition("=")[0]), words
            words = words[1:]
        program = words[0]
        if program.startswith("tools/"):
            assert shutil.which(ROOT / program), words
            self.exist(words[1:])
        else:
            program = program.removeprefix(".venv/bin/")
            names = {".": "source", "python3": "python"}
            getattr(self, names.get(program, program))(words[1:])

    def source(self, words):
        assert words == [".venv/bin/activate"]

    def make(self, words):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in words:
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target

    def pip(self, words):
        assert words[0] == "install"
        for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
            for extra in extras.split(","):
                assert (ROOT / "requirements" / f"{extra}.txt").is_file(), extra
        self.exist(words)

    def python(self, words):
        if words[:2] == ["-m", "venv"]:
            return
        if words[:2] == ["-m", "pip"]:
            self.pip(words[2:])
            return
        if words[:2] == ["-m", "pytest"]:
            self.exist(words)
            return
        script = ROOT / words[0]
        self.monkeypatch.syspath_prepend(script.parent)
        args = self.parse(lambda: runpy.run_path(script, run_name="__main__"), *words)
        if words[0] == "tools/train.py":
            self.read(args)

    def docker(self, words):
        if words[0] == "build":
            assert (ROOT / words[words.index("-f") + 1]).is_file()
        else:
            self.dmmix(words[words.index("dmmix") + 1 :])

    def dmmix(self, words):
        from dmmix.cli.main import VERBS, main

        (verb,) = {" ".join(words[:1]), " ".join(words[:2])} & set(VERBS)
        args = self.parse(main, "dmmix", *words)
        rest = words[len(verb.split()) :]
        if verb == "sweep":
            self.done(verb, *rest, "--list")
        elif VERBS[verb][0] == "catalogue":
            self.done(verb, *rest)
        elif hasattr(args, "config"):
            self.read(args)

    def read(self, args):
        """The config is there, and takes what ``--cfg-options`` gives."""
        from dmmix.configuration.reading import read_config

        if not args.config.isupper() and args.config not in READERS:
            with self.monkeypatch.context() as patch:
                patch.chdir(ROOT)
                read_config(args.config, getattr(args, "cfg_options", None))

    def done(self, verb, *words):
        ran = self.call(verb, *words)
        assert ran.status == 0, ran.err

    @staticmethod
    def exist(words):
        for word in words:
            if re.match(r"(?:configs|tests|tools|requirements)/", word):
                assert (ROOT / word).exists(), word


def read_by_a_test(variable):
    files = (ROOT / "tests").rglob("*.py")
    return any(f'"{variable}"' in file.read_text(encoding="utf-8") for file in files)
