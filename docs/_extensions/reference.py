"""``automodule`` of the public modules: a table of what ``__all__`` lists, and each in full, once.

The public modules are those with a page in docs/api. A name that several of them list is in full
in the outermost one above its definition (``dmmix.functional.MixedLabels``); the tables of the
others lead there.
"""

import sys
import typing
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

from sphinx.util.inspect import signature, stringify_signature
from sphinx.util.typing import stringify_annotation

PUBLIC = {f"dmmix.{page.stem}" for page in (Path(__file__).parents[1] / "api").glob("*.rst")}


def home(module, name):
    """The module in which ``name`` of ``module`` is in full."""
    parts = getattr(getattr(sys.modules[module], name), "__module__", module).split(".")
    above = [".".join(parts[: k + 1]) for k in range(len(parts))]
    return next((m for m in above if m in PUBLIC and name in sys.modules[m].__all__), module)


def _is_data(module, name):
    return not isinstance(getattr(module, name), type | FunctionType | ModuleType)


def _add_table(app, what, name, obj, options, lines):
    if what == "module" and options.members:
        homes = {each: home(name, each) for each in obj.__all__}
        rows = [each if place == name else f"~{place}.{each}" for each, place in homes.items()]
        lines += ["", ".. autosummary::", "   :nosignatures:", "", *(f"   {row}" for row in rows)]
        for each in filter(partial(_is_data, obj), obj.__all__):  # not among the members
            lines += ["", f".. autodata:: {each}", "   :no-value:"]
    elif what == "data" and lines and lines[0] in (type(obj).__doc__ or ""):
        lines.clear()  # what a dict is


def _skip(app, what, name, obj, skip, options):
    if what == "module":
        module = app.env.current_document.autodoc_module
        return _is_data(sys.modules[module], name) or home(module, name) != module
    field_of_a_tuple = type(obj).__name__ == "_tuplegetter"  # "Alias for field number 0"
    return True if field_of_a_tuple else None


def _public_bases(app, name, obj, options, bases):
    """Those that are for dmmix alone give way to what they stand on."""
    found = dict.fromkeys(each for base in bases for each in _public(base))
    bases[:] = [each for each in found if each is not object or len(found) == 1]


def _public(base):
    name, module = getattr(base, "__name__", ""), getattr(base, "__module__", "")
    listed = any(getattr(sys.modules[m], name, None) is base for m in PUBLIC)
    if listed or not module.startswith("dmmix."):
        return [base]
    return [each for below in base.__bases__ for each in _public(below)]


def _arguments_of_class(app, what, name, obj, options, arguments, returns):
    """Those of ``__init__``; autodoc takes ``__new__``, and types without the names behind them."""
    if what != "class":
        return None
    try:
        hints = typing.get_type_hints(obj.__init__)
    except (NameError, TypeError):
        return None
    hints.pop("return", None)
    types = {each: stringify_annotation(hint, "smart") for each, hint in hints.items()}
    app.env.current_document.autodoc_annotations[name] = types
    if arguments != "(*args, **kwargs)":
        return None
    return stringify_signature(signature(obj), show_annotation=False), ""


def setup(app):
    for module in sorted(PUBLIC):
        import_module(module)
    app.connect("autodoc-process-docstring", _add_table)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-bases", _public_bases)
    app.connect("autodoc-process-signature", _arguments_of_class)
    return {"parallel_read_safe": True}
