"""The glossary: in order, a sentence and a link each."""

import re

from tests.docs.blocks import ROOT

PAGE = ROOT / "docs/glossary.md"
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)$", PAGE.read_text(encoding="utf-8"), re.M)


def test_in_the_order_of_the_alphabet():
    terms = [term for term, _ in ENTRIES]
    assert len(terms) > 30
    assert terms == sorted(set(terms), key=str.casefold)


def test_a_sentence_and_a_link_each():
    for term, text in ENTRIES:
        flat = " ".join(text.split())
        assert re.fullmatch(r".+ \(\[[^]]+(\[[^]]*\])?[^]]*\]\([\w/.#-]+\)\)\.", flat), term
        target = re.search(r"\]\(([\w/.-]+)[#)]", flat)[1]
        assert (PAGE.parent / target).is_file(), target
