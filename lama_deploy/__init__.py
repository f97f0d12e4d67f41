"""From a LaMa checkpoint to an engine in production. Importing this loads neither torch nor any engine."""

from lama_deploy.runtime import Inpainter

__version__ = "0.1.0"
__all__ = ["Inpainter", "__version__"]
