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
PROCESSES = {"run", "Popen", "check_output", "check_call", "call"}
#: Modules and objects whose open() is of something else.
OTHERS = {"Image", "tarfile", "zipfile", "os", "archive", "gzip", "lzma", "bz2", "zip", "opener"}


def in_the_encoding_of_the_machine(tree):
    """Line numbers of the calls that do not say theirs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            said = "encoding" in given or None in given  # or may be, in **options
            if not said and (starts_a_process(node, given) or opens_text(node, given)):
                yield node.lineno


def starts_a_process(node, given):
    """With text read from it."""
    name, owner = names(node)
    text = given.get("text", given.get("universal_newlines"))
    return name in PROCESSES and owner in ("subprocess", "") and value(text) is True


def opens_text(node, given):
    name, owner = names(node)
    method = isinstance(node.func, ast.Attribute)
    if name == "read_text":
        return method and not node.args  # Path.read_text(encoding)
    if name == "write_text":
        return method  # a function of that name is ours
    if name not in ("open", "fdopen") or (name == "open" and owner in OTHERS):
        return False
    place = 0 if name == "open" and method and owner != "builtins" else 1  # of Path.open(mode)
    mode = given.get("mode", node.args[place] if place < len(node.args) else ast.Constant("r"))
    return isinstance(mode, ast.Constant) and "b" not in mode.value


def names(node):
    """Of what is called, and of what it is an attribute of."""
    owner = getattr(node.func, "value", None)
    return getattr(node.func, "attr", getattr(node.func, "id", "")), getattr(owner, "id", "")


def value(node):
    return node.value if isinstance(node, ast.Constant) else None


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
