"""Videos in, answers out: what a trained network is used through, without its data set."""

from mmaction.inference.recognition import Recognition
from mmaction.inference.recognizer import VideoRecognizer
from mmaction.inference.trust import require_harmless

__all__ = ["Recognition", "VideoRecognizer", "require_harmless"]
