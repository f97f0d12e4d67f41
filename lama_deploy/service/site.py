"""Where the page lies that people paint on."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
INSTALLED, CHECKOUT = PACKAGE / "_web" / "site", PACKAGE.parent / "web" / "site"


def site_folder() -> Path | None:
    """The checkout's, or the installed one; None where there is neither."""
    return next((folder for folder in (CHECKOUT, INSTALLED) if (folder / "index.html").is_file()), None)
