"""The plugin's library that an engine's bundle carries, so that a machine that runs the engine compiles nothing.

It is compiled code, run in this process as it is opened: so is the engine beside it. A bundle with an engine is only to
be opened from somebody who is trusted; the hashes find what was damaged or mixed up.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.bundle import PLUGIN_FILE, Bundle, check_file
from lama_deploy.errors import BundleError, KernelError
from lama_deploy.native.build import LIBRARY, PLUGIN
from lama_deploy.native.plugin_build import plugin_of_this_machine, prebuilt_plugin


@dataclass(frozen=True)
class ChosenPlugin:
    """asked: whether somebody named this library, rather than any that serves."""

    path: Path
    asked: bool


def this_platform() -> str:
    """Such as "linux-x86_64"."""
    return f"{sys.platform}-{platform.machine()}"


def carried_name(of: str) -> str:
    """The name of a platform's library in a bundle."""
    return f"plugin-{of}.so"


def carried_platforms(bundle: Bundle) -> list[str]:
    """Those that the bundle has a library for; none in bundles from before they had any."""
    return [found[1] for name in bundle.files if (found := re.fullmatch(PLUGIN_FILE, name))]


def chosen_plugin(directory: Path, bundle: Bundle, named: Path | None = None) -> ChosenPlugin:
    """What computes the Fourier units of the bundle's engine.

    `named`, else what the environment names, else the bundle's own for this platform, whose hash is compared with what
    bundle.json says in both places, else this package's own, compiled if it has to be. Raises BundleError for a library
    in the bundle that is not as it was exported, KernelError where none of them can be had.
    """
    asked = named or prebuilt_plugin()
    if asked is not None:
        return ChosenPlugin(asked, asked=True)
    platforms = carried_platforms(bundle)
    if this_platform() in platforms:
        return ChosenPlugin(_checked(directory / carried_name(this_platform()), bundle), asked=False)
    try:
        return ChosenPlugin(plugin_of_this_machine(), asked=False)
    except KernelError as error:
        if not platforms:
            raise
        raise KernelError(
            f"{directory}: has the plugin for {', '.join(platforms)}, and this is {this_platform()}: export on such a "
            f"machine, or name its library in ${PLUGIN.variable} or ${LIBRARY.variable} (compiled here: {error})"
        ) from error


def _checked(path: Path, bundle: Bundle) -> Path:
    check_file(path, bundle)
    record = bundle.engine["plugin"]
    if record.get("file") == path.name and record["sha256"] != bundle.files[path.name]["sha256"]:
        raise BundleError(f"{path}: is another library than the engine was built with; export the bundle again")
    return path
