"""Networks: backbones, branches and the recognizers made of them."""

from mmaction.checkpoint.mmengine_files import SafePretrainedInit
from mmaction.models.attention_branch import AttentionBranch, AttentionOutput
from mmaction.models.attention_evidence import EvidenceBranch, PointwiseStage
from mmaction.models.attention_mechanism import AttentionMechanism
from mmaction.models.backbones.resnet3d import ResNet3D
from mmaction.models.backbones.timm_backbone import TimmBackbone
from mmaction.models.backbones.torchvision_backbone import TorchvisionBackbone
from mmaction.models.backbones.transformers_backbone import TransformersBackbone
from mmaction.models.data_preprocessor import ClipPreprocessor
from mmaction.models.losses import BinaryCrossEntropy, CrossEntropy
from mmaction.models.necks.tpn import TPN
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.models.recognizers.recognizer2d import Recognizer2D
from mmaction.models.recognizers.recognizer3d import Recognizer3D
from mmaction.models.recognizers.st_abn import STABN, PerceptionBranch
from mmaction.models.residual_stage import ResidualStage

__all__ = [
    "STABN",
    "TPN",
    "AttentionBranch",
    "AttentionMechanism",
    "AttentionOutput",
    "BaseRecognizer",
    "BinaryCrossEntropy",
    "ClipPreprocessor",
    "CrossEntropy",
    "EvidenceBranch",
    "PerceptionBranch",
    "PointwiseStage",
    "Recognizer2D",
    "Recognizer3D",
    "ResNet3D",
    "ResidualStage",
    "SafePretrainedInit",
    "TimmBackbone",
    "TorchvisionBackbone",
    "TransformersBackbone",
]
