"""Prepares a data set: unpacks what its publisher ships, and looks whether it is whole.

    dmmix data prepare cub200                          what to get, and where
    dmmix data prepare cub200 --from CUB_200_2011.tgz  unpacks it into data/CUB_200_2011
    dmmix data prepare cifar100 --from https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz
    dmmix data prepare imagenet --from FOLDER_WITH_ITS_ARCHIVES
    dmmix data prepare cub200 --check --decode         looks through what is unpacked

Everything is written into --to. A download or an unpacking that was stopped goes on when the same
command is started again. Exit status: 0 if the data set is ready, 1 if something is missing or
wrong, 2 for a mistake in the command.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def main() -> int:
    preparation = _load_preparation()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=sorted(preparation.DATA_SETS), help="the data set")
    parser.add_argument(
        "--from", dest="sources", nargs="+", action="extend", default=[], metavar="ARCHIVE_OR_URL",
        help="archives, a folder that has them, or http(s) addresses",
    )  # fmt: skip
    parser.add_argument("--to", default="data", metavar="FOLDER", help="default: data")
    parser.add_argument(
        "--no-checksum", action="store_true", help="take archives of a mirror that differ"
    )
    parser.add_argument("--check", action="store_true", help="only look through what is unpacked")
    parser.add_argument("--decode", action="store_true", help="with --check: decode every image")
    args = parser.parse_args()
    args.to = str(Path(args.to).expanduser())
    if args.check and args.sources:
        parser.error("--check looks at what is unpacked and takes no --from")
    if args.decode and not args.check:
        parser.error("--decode goes with --check")
    try:
        return _run(preparation, args)
    except preparation.PreparationError as error:
        if isinstance(error, preparation.DownloadError):
            print(preparation.instructions(preparation.DATA_SETS[args.name], args.to))
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or args.to}: {error.strerror or error}", file=sys.stderr)
    return 1


def _run(preparation: ModuleType, args: argparse.Namespace) -> int:
    data_set = preparation.DATA_SETS[args.name]
    target = str(Path(args.to) / data_set.folder)
    if args.check:
        found, wrong = preparation.check(data_set, target, args.decode, not args.no_checksum)
        print("\n".join(found))
        for problem in wrong:
            print(f"error: {problem}", file=sys.stderr)
        print("it is whole" if not wrong else f"{len(wrong)} problems")
        return 1 if wrong else 0
    if not args.sources and not Path(target).exists():
        print(preparation.instructions(data_set, args.to))
        print(f"error: {target} does not exist, and there is no --from", file=sys.stderr)
        return 1
    for line in preparation.prepare(data_set, args.sources, args.to, not args.no_checksum):
        print(line)
    print(f"{target} is ready")
    return 0


def _load_preparation() -> ModuleType:
    """``dmmix.datasets.preparation`` without ``dmmix.datasets``, which imports torch."""
    folder = Path(__file__).resolve().parents[1] / "datasets" / "preparation"
    spec = importlib.util.spec_from_file_location(
        "dmmix_preparation", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
