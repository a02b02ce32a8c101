"""Sphinx: ``sphinx-build -nW --keep-going -b html docs docs/_build/html``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "_extensions"))

from dmmix import __version__

project = "dmmix"
author = "the dmmix authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "mathml",
    "reference",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_extensions"]
html_math_renderer = "mathml"

# What mixes is told on its own page.
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "function",
}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autosummary_generate = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True

# Only the addresses: what is where, of what the pages refer to, stands in docs/inventories.
intersphinx_mapping = {
    project: (address, f"inventories/{project}.inv")
    for project, address in {
        "python": "https://docs.python.org/3",
        "numpy": "https://numpy.org/doc/stable",
        "torch": "https://docs.pytorch.org/docs/stable",
        "mmcv": "https://mmcv.readthedocs.io/en/latest",
        "mmengine": "https://mmengine.readthedocs.io/en/latest",
        "mmpretrain": "https://mmpretrain.readthedocs.io/en/latest",
    }.items()
}
nitpick_ignore = [
    ("py:class", "dmmix.compat._Class"),  # of a signature: what goes in comes out
    ("py:class", "dmmix.datasets.batch_transforms.augment_plan.Draws"),  # from draw to apply
    # mmpretrain does not document them.
    ("py:class", "mmpretrain.datasets.samplers.repeat_aug.RepeatAugSampler"),
    ("py:class", "mmpretrain.models.backbones.base_backbone.BaseBackbone"),
]

html_theme = "furo"
html_title = f"dmmix {version}"
