"""What mmengine works out anew for every checkpoint: the text of the config, and git's commit."""

from __future__ import annotations

import functools
from typing import Any

_MOST_TEXTS = 8


def prepare() -> None:
    """Makes mmengine keep them; nothing from the second call on.

    To format a config takes longer than to write the weights of a small network, and git is a
    process of its own.
    """
    from mmengine.config import Config
    from mmengine.runner import runner

    formatted: Any = Config.pretty_text
    if hasattr(formatted.fget, "texts"):
        return
    # Config is a mapping of its keys and takes no attributes of ours.
    texts: dict[tuple[bool, str], str] = {}

    def pretty_text(cfg: Any) -> str:
        """The config as Python, formatted; again only if it has changed."""
        key = (bool(cfg._format_python_code), repr(cfg.to_dict()))
        if key not in texts:
            while len(texts) >= _MOST_TEXTS:
                texts.pop(next(iter(texts)))
            texts[key] = formatted.fget(cfg)
        return texts[key]

    pretty_text.texts = texts  # type: ignore[attr-defined]
    Config.pretty_text = property(pretty_text, doc=formatted.__doc__)
    runner.get_git_hash = functools.cache(runner.get_git_hash)
