"""From a checkpoint to a proven bundle. The exporter's packages are imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import lama_deploy  # noqa: F401 (before any engine: it keeps them from reporting)

if TYPE_CHECKING:
    from lama_export.engine_options import Batch, EngineOptions, Profile
    from lama_export.export import export_bundle
    from lama_export.options import ExportOptions

__all__ = ["Batch", "EngineOptions", "ExportOptions", "Profile", "export_bundle"]
_LATER = {
    "Batch": "engine_options",
    "EngineOptions": "engine_options",
    "ExportOptions": "options",
    "Profile": "engine_options",
    "export_bundle": "export",
}


def __getattr__(name: str) -> Any:
    """What is imported when it is first used."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    """For completion: also what has not been used yet."""
    return sorted({*globals(), *__all__})
