"""Where decoded images of a dataset are kept, how many of them, and what is told of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import numpy as np
from mmengine.logging import MMLogger

from dmmix.datasets.arrays.memory import available_memory
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import crop_of, image_crop
from dmmix.datasets.images.decoded_cache import DecodedCache
from dmmix.datasets.images.decoding import decode, read_header
from dmmix.datasets.images.kept_images import KeptImages, keep_in_file, keep_in_memory
from dmmix.datasets.images.reading import read_file

MEMORY = "memory"
_GIB = 2**30
#: Of the available memory and of the free disk, what a cache takes that has no limit.
_OF_MEMORY, _OF_DISK = 0.5, 0.9


def check_cache(cache: str | None, limit: float | None) -> str | None:
    """``'memory'``, the folder as an absolute path, or ``None``.

    Raises ValueError for a file, an address, an empty or nearly right word, a limit of nothing.
    """
    if cache is None:
        if limit is not None:
            raise ValueError(f"cache_limit={limit} goes with cache='memory' or cache=FOLDER")
        return None
    if not cache or (cache.lower() in ("memory", "ram", "true") and cache != MEMORY):
        raise ValueError(f"cache={cache!r} must be 'memory' or a folder (./{cache})")
    if "://" in cache:
        raise ValueError(f"cache={cache!r} must be a folder of this machine: its file is mapped")
    if cache == MEMORY:
        return MEMORY
    folder = os.path.abspath(os.path.expanduser(cache))
    if os.path.isfile(folder):
        raise ValueError(f"cache={cache!r} is a file: name a folder, or 'memory'")
    return folder


def kept_images(
    cache: str, limit: float | None, paths: Sequence[str], options: CropOptions
) -> KeptImages | None:
    """Decodes the images, or finds those of an earlier run, and tells of it.

    Args:
        cache: as :func:`check_cache` gives it.
        limit: in GiB.
    """
    logger = MMLogger.get_current_instance()
    text, where, again = _root(paths), "memory", "decoded"
    if cache == MEMORY:
        most = _OF_MEMORY * available_memory() / int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        kept = keep_in_memory(paths, options, most if limit is None else limit * _GIB, text)
    else:
        file = _file(cache, limit, paths, options)
        most = _OF_DISK * _free(cache) if limit is None else limit * _GIB
        found, there = keep_in_file(file, paths, options, most, text)
        if found is None:
            return None
        kept, where = found, file.path
        again = "of an earlier run" if there else again
    logger.info(
        "%s: %d of %d images, %s, are in %s (%.2f GiB)",
        text, len(kept), len(paths), again, where, kept.nbytes / _GIB,
    )  # fmt: skip
    if kept.no_room:
        logger.warning(
            "%s: %d of %d images do not fit into the cache, they are decoded each time (%s)",
            text, kept.no_room, len(paths),
            "cache_limit, in GiB, gives it more room" if limit is None or cache == MEMORY else
            f"cache_limit={limit:g} GiB",
        )  # fmt: skip
    return kept


def kept_crop(
    kept: KeptImages | None, place: int, path: str, options: CropOptions, seeds: Sequence[int]
) -> np.ndarray:
    """As :func:`image_crop`, of the pixels that are kept; of the file where these are not."""
    found = None if kept is None or place < 0 else kept.find(place)
    if found is None:
        return image_crop(read_file(path), options, seeds, path)
    header, reduced_by = found

    def decoded_by(factor: int) -> np.ndarray:
        pixels = reduced_by(factor)
        if pixels is not None:
            return pixels
        data = read_file(path)
        return decode(data, read_header(data), factor, options.backend, path)

    return crop_of(header, decoded_by, options, seeds)


def _file(
    folder: str, limit: float | None, paths: Sequence[str], options: CropOptions
) -> DecodedCache:
    remote = next((path for path in paths if "://" in path), None)
    if remote is not None:
        raise ValueError(
            f"cache={folder!r}: whether {remote} changes is not seen; cache='memory' takes it"
        )
    root = _root(paths)
    decides: tuple = (limit, options.reduced)
    if options.reduced:
        decides += (options.size, options.test_mode, options.square)
        decides += (options.edge,) if options.test_mode else (options.scale, options.ratio)
    part = "test" if options.test_mode else "train"
    name = f"{os.path.basename(root) or 'images'}-{part}"
    return DecodedCache(folder, name, paths, repr(decides).encode(), root, options.backend)


def _root(paths: Sequence[str]) -> str:
    """The folder that all are in; what the first and the last of them have in common, sorted."""
    ends = [os.path.dirname(path) for path in (min(paths), max(paths))]
    return ends[0] if "://" in ends[0] else os.path.commonpath(map(os.path.abspath, ends))


def _free(folder: str) -> int:
    """Of the disk that the folder is, or will be, on."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return shutil.disk_usage(folder).free
