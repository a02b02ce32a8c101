"""Formulas as MathML, which browsers draw by themselves: no script, no network.

A formula that is no LaTeX is a warning of the build, so ``sphinx -W`` finds it.
"""

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

_CONVERTER = LatexToMathML(fancy_error=False)


def _mathml(translator, node, block):
    latex = node.astext()
    if block and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        drawn = _CONVERTER.convert_with_local_state(latex, displaystyle=block)
    except LatexError as error:
        logging.getLogger(__name__).warning("no LaTeX: %s: %s", latex, error, location=node)
        drawn = translator.encode(latex)
    translator.body.append(f"<p>{drawn}</p>\n" if block else drawn)
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda translator, node: _mathml(translator, node, False), None),
        block_renderers=(lambda translator, node: _mathml(translator, node, True), None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
