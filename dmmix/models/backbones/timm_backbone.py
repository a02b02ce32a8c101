"""timm's networks, of which the first stages may stay as they are."""

from __future__ import annotations

from typing import Any

from mmengine.logging import MMLogger
from mmpretrain.models import TIMMBackbone as _TIMMBackbone
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dmmix.registry import MODELS


@MODELS.register_module()
class TIMMBackbone(_TIMMBackbone):
    """mmpretrain's ``TIMMBackbone``, the network of that name in timm without its classifier, with
    ``frozen_stages`` as mmpretrain's own backbones have it.

    Args:
        model_name: as ``timm.create_model`` takes it.
        frozen_stages: the stem and so many stages are not trained, and their BatchNorm keeps its
            statistics; 0 is the stem alone, -1 (the default) nothing. What a stage is, timm's
            ``feature_info`` says.
        **kwargs: those of mmpretrain's and of the network.

    Shapes:
        (N, 3, H, W) to a tuple with what the network's ``forward_features`` gives.

    Raises:
        ValueError: more stages than the network has.
    """

    def __init__(self, model_name: str, frozen_stages: int = -1, **kwargs: Any) -> None:
        logger = MMLogger.get_current_instance()
        logger.addFilter(_nothing)  # it lists timm's feature_info
        try:
            super().__init__(model_name, **kwargs)
        finally:
            logger.removeFilter(_nothing)
        self.frozen = _until(self.timm_model, model_name, frozen_stages)
        self._freeze()

    def _freeze(self) -> None:
        modules = dict(self.timm_model.named_modules())
        for name in self.frozen:
            for parameter in modules[name].parameters(recurse=False):
                parameter.requires_grad_(False)
            if isinstance(modules[name], _BatchNorm):
                modules[name].eval()

    def train(self, mode: bool = True) -> TIMMBackbone:
        """As ever; what is frozen stays as it is."""
        super().train(mode)
        self._freeze()
        return self


def _until(network: nn.Module, name: str, stages: int) -> list[str]:
    """The modules up to the end of a stage, in the network's order; before the first, if 0."""
    if stages < 0:
        return []
    info = getattr(network, "feature_info", None)
    ends = [stage["module"] for stage in getattr(info, "info", info) or ()]
    if stages > len(ends) or not ends:
        raise ValueError(f"frozen_stages={stages}: {name} has {len(ends)} stages")
    order = [module for module, _ in network.named_modules()]
    inside = [i for i, n in enumerate(order) if f"{n}.".startswith(f"{ends[max(stages, 1) - 1]}.")]
    return order[: inside[-1] + 1] if stages else order[: inside[0]]


def _nothing(record: Any) -> bool:
    return False
