"""Sphinx: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dmmix import __version__

project = "dmmix"
author = "the dmmix authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# api.md documents dmmix.functional, which imports nothing but torch.
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more than the signatures' types
autodoc_default_options = {"members": True}
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"dmmix {version}"
