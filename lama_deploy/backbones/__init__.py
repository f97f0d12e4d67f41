"""Frozen pretrained networks that losses and metrics look through; each is imported from its own module (needs torch).

Their weights are never downloaded: `find_backbone` looks where people keep them and says what is missing.
"""

from lama_deploy.backbones.locate import BACKBONES, BackboneFile, find_backbone

__all__ = ["BACKBONES", "BackboneFile", "find_backbone"]
