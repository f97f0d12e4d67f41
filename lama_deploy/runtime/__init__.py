"""Running models: the Inpainter and its backends."""

from lama_deploy.runtime.inpainter import Inpainter

__all__ = ["Inpainter"]
