"""Every prediction in a file, with the name of its image."""

from __future__ import annotations

from typing import Any

from mmengine.evaluator import DumpResults
from torch.utils.data import DataLoader, SequentialSampler

from dmmix.datasets.interface import LabelSource, has_labels


class DumpPredictions(DumpResults):
    """:class:`mmengine.evaluator.DumpResults` whose entries say which image they are of.

    Each has ``img_path`` where the data set knows it, and ``sample_idx``, its number in the whole
    data set; ``gt_label`` only where the data has labels. Predictions that carry these already
    (mmpretrain's ``PackInputs``) keep theirs.

    Args:
        out_file_path: the file, ``.pkl`` or ``.pickle``.
        loader: of the images that are predicted, in the order of the data set; without one, or
            in another order, nothing is added.
        collect_device: as for :class:`mmengine.evaluator.DumpResults`.
    """

    def __init__(
        self, out_file_path: str, loader: DataLoader | None = None, collect_device: str = "cpu"
    ) -> None:
        super().__init__(out_file_path, collect_device)
        self.loader = loader

    def compute_metrics(self, results: list) -> dict:
        """Writes the file."""
        if self.loader is not None and _in_order(self.loader):
            dataset = self.loader.dataset
            unlabelled = has_labels(dataset) is False
            results = [_named(result, dataset, i, unlabelled) for i, result in enumerate(results)]
        return super().compute_metrics(results)


def _in_order(loader: DataLoader) -> bool:
    sampler = loader.sampler
    return isinstance(sampler, SequentialSampler) or getattr(sampler, "shuffle", None) is False


def _named(result: Any, dataset: Any, number: int, unlabelled: bool) -> Any:
    if not isinstance(result, dict):
        return result
    names = _names(dataset, number)
    if result.get("img_path") is not None:
        names = {}
    kept = {k: v for k, v in result.items() if not (unlabelled and k == "gt_label")}
    return {**names, **kept}


def _names(dataset: Any, number: int) -> dict[str, Any]:
    if hasattr(dataset, "get_data_info"):
        info = dataset.get_data_info(number)
        found = {key: info[key] for key in ("img_path", "sample_idx") if key in info}
        path = found.get("img_path")
        if path is not None and path in _replaced(dataset):
            found["img_path"] = None  # another one was predicted in its place
        return found
    rows = getattr(dataset, "rows", None) if isinstance(dataset, LabelSource) else None
    return {"sample_idx": number if rows is None else int(rows[number])}


def _replaced(dataset: Any) -> list[str]:
    return dataset.corrupt_files if getattr(dataset, "corrupt", None) == "skip" else []
