"""Text is UTF-8 on every machine: no file is opened in the encoding that a machine happens to have.

Windows and Linux without a locale have others; there, an umlaut in a class name or a line of a box
breaks an install, a log or a subset file.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("dmmix", "tools", "configs", "docs", "requirements", "tests", ".ci")
FILES = sorted(
    file.relative_to(ROOT)
    for file in (
        ROOT / "setup.py",
        *(f for folder in FOLDERS for f in (ROOT / folder).rglob("*.py")),
    )
)
#: What opens text by its name, and where its mode stands among the arguments.
OPENERS = {"open": 1, "fdopen": 1, "read_text": None, "write_text": None}
PROCESSES = {"run", "Popen", "check_output", "check_call", "call"}
#: Modules and objects whose open() is of something else.
OTHERS = {"Image", "tarfile", "zipfile", "os", "archive", "gzip", "lzma", "bz2", "zip", "opener"}


def in_the_encoding_of_the_machine(tree):
    """Line numbers of the calls that do not say theirs."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in given or None in given:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        if name in PROCESSES and owner in ("subprocess", ""):
            if is_true(given.get("text")) or is_true(given.get("universal_newlines")):
                yield node.lineno
        elif name in OPENERS and not (name == "open" and owner in OTHERS):
            at = OPENERS[name]
            if name == "open" and isinstance(node.func, ast.Attribute) and owner != "builtins":
                at = 0  # Path.open(mode)
            if name.endswith("_text") and not isinstance(node.func, ast.Attribute):
                continue  # a function of ours
            if name == "read_text" and node.args:
                continue  # Path.read_text(encoding)
            mode = given.get(
                "mode", node.args[at] if at is not None and at < len(node.args) else None
            )
            if (
                "b" not in getattr(mode, "value", "")
                if isinstance(mode, ast.Constant)
                else mode is None
            ):
                yield node.lineno


def is_true(node):
    return isinstance(node, ast.Constant) and node.value is True


def test_files_are_found():
    assert len(FILES) > 500
    assert Path("setup.py") in FILES


@pytest.mark.parametrize("top", sorted({file.parts[0] for file in FILES}))
def test_every_text_says_its_encoding(top):
    found = [
        f"{file}:{line}"
        for file in FILES
        if file.parts[0] == top
        for line in in_the_encoding_of_the_machine(
            ast.parse((ROOT / file).read_text(encoding="utf-8"))
        )
    ]
    assert not found, f'say encoding="utf-8": {", ".join(found)}'


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("open(path, mode='wb')", False),
        ("open(path, 'w', encoding='utf-8')", False),
        ("path.open('a')", True),
        ("path.open('rb')", False),
        ("os.fdopen(descriptor, 'w')", True),
        ("Image.open(path)", False),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command)", False),
    ],
)
def test_what_is_caught(code, caught):
    assert bool(list(in_the_encoding_of_the_machine(ast.parse(code)))) == caught
