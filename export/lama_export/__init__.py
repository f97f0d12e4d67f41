"""From a checkpoint to a proven bundle. The exporter's packages are imported when it is first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lama_export.export import export_bundle
    from lama_export.options import ExportOptions

__all__ = ["ExportOptions", "export_bundle"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lama_export import export

    return getattr(export, name)
