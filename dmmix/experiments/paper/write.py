"""Writes what is made from the tables, in a checkout.

``python -m dmmix.experiments.paper.write``
"""

from __future__ import annotations

import sys
from pathlib import Path

from dmmix.experiments.paper.bases import base_files
from dmmix.experiments.paper.pages import filled


def written(root: Path) -> dict[Path, str]:
    """By file of a checkout, its text as the tables have it: base files, pages with blocks."""
    files = {root / "configs" / "_base_" / path: text for path, text in base_files().items()}
    for page in sorted((root / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if "<!-- paper: " in text:
            files[page] = filled(text)
    return files


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[3]
    if not (root / "docs").is_dir():
        sys.exit(f"error: no docs/ in {root}: this writes the configs and pages of a checkout")
    for file, text in written(root).items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8", newline="\n")
            print(f"written: {file.relative_to(root)}")
