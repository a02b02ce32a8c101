"""Classifiers, heads and losses for mixed samples, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.configuration.shipped import know_prefix
from dmmix.models import semi, transfer  # noqa: F401 - registers their methods
from dmmix.models.averaged_model import ExponentialMovingAverage
from dmmix.models.backbones.small_stems import ConvNeXt_CIFAR, ResNeXt_CIFAR
from dmmix.models.backbones.timm_backbone import TIMMBackbone
from dmmix.models.backbones.wide_resnet import WideResNet
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.classifiers.base import BatchClassifier
from dmmix.models.classifiers.mixup_classifier import MixupClassifier
from dmmix.models.data_preprocessor import MixupDataPreprocessor
from dmmix.models.heads import (
    DMLinearClsHead,
    DMMultiLabelLinearClsHead,
    DMStackedLinearClsHead,
    DMVisionTransformerClsHead,
    MixedLabelsMixin,
)
from dmmix.models.losses import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    MixupLoss,
)

__all__ = [
    "BatchClassifier",
    "ClassifierGuide",
    "ConvNeXt_CIFAR",
    "DMLinearClsHead",
    "DMMultiLabelLinearClsHead",
    "DMStackedLinearClsHead",
    "DMVisionTransformerClsHead",
    "DecoupledMixupBCELoss",
    "DecoupledMixupLoss",
    "ExponentialMovingAverage",
    "MixedLabelsMixin",
    "MixupClassifier",
    "MixupCrossEntropyLoss",
    "MixupDataPreprocessor",
    "MixupLoss",
    "ResNeXt_CIFAR",
    "TIMMBackbone",
    "WideResNet",
]

know_prefix()  # so that mmengine's own Config reads configs that have it
