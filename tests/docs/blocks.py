"""The pages, and the blocks of code on them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / f"{n}.md" for n in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^(`{3,}|:{3,})(.*)\n((?:.*\n)*?)\1$", re.MULTILINE)


class Block(NamedTuple):
    language: str
    code: str
    line: int


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """Those in one of the languages; without any, all."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match[2].strip(), match[3], text.count("\n", 0, match.start(3)) + 1)
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def pages_with(*languages: str) -> list[str]:
    return [name_of(page) for page in PAGES if blocks(page, *languages)]


def commands(block: Block) -> list[list[str]]:
    """The words of each command line; where some begin with a prompt, the rest is output."""
    text = re.sub(r"\\\n\s*", "", block.code)
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]
