"""Configs in YAML and annotation files are data.

mmengine reads YAML with the loader that makes any object (``!!python/object/apply:os.system``), and
an annotation file that ends in ``.pkl`` with ``pickle.load``.
"""

import functools
import os
from typing import Any

_PYTHON = "tag:yaml.org,2002:python/"
_PICKLES = (".pkl", ".pickle")


def plain_yaml() -> None:
    """Makes mmengine read YAML as data; does nothing from the second call on."""
    from mmengine.fileio.handlers import yaml_handler
    from yaml import SafeLoader

    if getattr(yaml_handler.Loader, "plain", False):
        return
    try:
        from yaml import CSafeLoader as Safe
    except ImportError:  # YAML without its C library
        Safe = SafeLoader

    class Loader(Safe):
        plain = True

    # mmengine writes the tuples of a config so.
    Loader.add_constructor(
        f"{_PYTHON}tuple", lambda loader, node: tuple(loader.construct_sequence(node, deep=True))
    )
    Loader.add_multi_constructor(_PYTHON, _refuse)
    yaml_handler.Loader = Loader


def _refuse(loader: Any, suffix: str, node: Any) -> None:
    raise ValueError(
        f"line {node.start_mark.line + 1} asks for a Python object (!!python/{suffix}), which "
        "could run code: a YAML file may hold numbers, strings, lists and mappings only"
    )


def plain_annotations() -> None:
    """Makes mmengine's data sets refuse annotation files that are pickles, and name those that they
    cannot read; once.
    """
    from mmengine.dataset import base_dataset

    if getattr(base_dataset.load, "plain", False):
        return
    load = base_dataset.load

    @functools.wraps(load)
    def load_annotations(file: Any, file_format: str | None = None, **kwargs: Any) -> Any:
        if str(file_format).lower() in ("pkl", "pickle") or str(file).lower().endswith(_PICKLES):
            raise ValueError(
                f"ann_file={os.fspath(file)!r} is a pickle, which could run code: write it as "
                ".json, for your own file json.dump(mmengine.load(ann_file), ...)"
            )
        return load(file, file_format=file_format, **kwargs)

    load_annotations.plain = True  # type: ignore[attr-defined]
    base_dataset.load = load_annotations

    full_init = base_dataset.BaseDataset.full_init

    @functools.wraps(full_init)
    def full_init_named(self: Any) -> None:
        if self._fully_initialized or not self.ann_file:
            return full_init(self)
        self.load_data_list = functools.partial(_named, self.load_data_list, self.ann_file)
        try:
            full_init(self)
        finally:
            del self.load_data_list

    base_dataset.BaseDataset.full_init = full_init_named


def _named(load_data_list: Any, file: Any) -> Any:
    """What the annotation file holds, or a sentence that names it."""
    try:
        return load_data_list()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        if str(file) in str(error):
            raise
        raise ValueError(f"ann_file={os.fspath(file)!r} cannot be read: {error!r}") from error
