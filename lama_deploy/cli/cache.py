"""lama-deploy cache: what lies in the cache, and out with it.

The cache may be a folder in which other things are kept too: only what this package is known to write there is counted
and removed, by its exact names, in its folders as well.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.backbones.locate import BACKBONES
from lama_deploy.cache import CACHE_VARIABLE, cache_directory
from lama_deploy.checkpoints.published import PUBLISHED
from lama_deploy.cli.common import command, command_parser
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.reports.text import aligned, megabytes

log = logging.getLogger(__name__)
ALL = "all"


@dataclass(frozen=True)
class Kind:
    """folder: in the cache. names: what is ours in it, as a pattern. told: what it costs to clear it.

    inside: what is ours in those of them that are folders; others are no folders of ours.
    """

    folder: str
    names: str
    told: str
    inside: str = ""


def _any_of(names: list[str]) -> str:
    return "|".join(map(re.escape, names))


KINDS: Mapping[str, Kind] = {
    "weights": Kind("", _any_of([one.file_name for one in PUBLISHED.values()]), "downloaded again"),
    "backbones": Kind("backbones", _any_of([one.file_name for one in BACKBONES.values()]), "put there by hand again"),
    "kernels": Kind("kernels", "[0-9a-f]{16}", "compiled again, in minutes", r"lock|build\.log|lib\w+\.so"),
    "tensorrt": Kind("tensorrt", r"[0-9a-f]{16}\.kernels|[\w.-]+\.timings", "compiled again by TensorRT"),
    "openvino": Kind("openvino", "lama-[0-9a-f]{32}", "compiled again by OpenVINO, in seconds", r"\d+\.blob"),
    "memory": Kind("memory", r"[0-9a-f]{64}\.json", "measured again, where a picture may not fit"),
    "web": Kind("", r"onnxruntime-web-[\d.]+", "fetched again by npm", r"ort[\w.-]+\.(mjs|wasm)"),
    "ranges": Kind("half_scales", r"[0-9a-f]{64}-v\d+\.json", "measured again for --backend cuda in fp16"),
}


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-deploy cache",
        f"Tell what the cache holds (${CACHE_VARIABLE} names its folder), or clear kinds of it.",
    )
    p.add_argument(
        "--clear",
        nargs="+",
        choices=[*KINDS, ALL],
        metavar="KIND",
        help=f"Remove these kinds: {', '.join(KINDS)}, or {ALL}. What is needed again is fetched or made again.",
    )
    p.add_argument("--json", action="store_true", help="Print it as JSON.")
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    folder = cache_directory()
    chosen = list(KINDS) if ALL in (args.clear or []) else list(dict.fromkeys(args.clear or []))
    found = {name: entries(folder, kind) for name, kind in KINDS.items()}
    sizes = {name: sum(size_of(path, KINDS[name]) for path in paths) for name, paths in found.items()}
    for name in chosen:
        for path in found[name]:
            _remove(path, KINDS[name])
    if args.json:
        facts = {name: {"entries": len(found[name]), "bytes": sizes[name], "cleared": name in chosen} for name in KINDS}
        print(json.dumps({"folder": str(folder), "kinds": facts}, indent=1))
    elif chosen:
        print(f"freed {megabytes(sum(sizes[name] for name in chosen))} in {brief(str(folder))}: {', '.join(chosen)}")
    else:
        rows = [(name, str(len(found[name])), megabytes(sizes[name]), KINDS[name].told) for name in KINDS]
        print(brief(str(folder)))
        print(aligned([("kind", "entries", "size", "cleared, it is"), *rows], left=(0, 3)))
    return 0


def entries(cache: Path, kind: Kind) -> list[Path]:
    """The files and folders of one kind; none where the folder is not there. Raises LamaDeployError."""
    try:
        return sorted(path for path in (cache / kind.folder).iterdir() if re.fullmatch(kind.names, path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LamaDeployError(f"{brief(str(cache / kind.folder))}: cannot be read ({error.strerror})") from error


def size_of(path: Path, kind: Kind) -> int:
    """Bytes of a file, or of what is ours in a folder; links count nothing."""
    return sum(file.lstat().st_size for file in _own(path, kind) if file.is_file() and not file.is_symlink())


def _own(path: Path, kind: Kind) -> list[Path]:
    """A file or link itself; of a folder what is ours in it."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    return [file for file in path.iterdir() if re.fullmatch(kind.inside, file.name) and not file.is_dir()]


def _remove(path: Path, kind: Kind) -> None:
    """Of a link the link alone. A folder that holds what is not ours stays, with a line. Raises LamaDeployError."""
    try:
        for file in _own(path, kind):
            file.unlink(missing_ok=True)
        if path.is_dir() and not path.is_symlink():
            if any(path.iterdir()):
                log.warning("%s holds files that lama-deploy did not write; they stay", brief(str(path)))
            else:
                path.rmdir()
    except OSError as error:
        raise LamaDeployError(f"{brief(str(path))}: cannot be removed ({error.strerror or error})") from error


if __name__ == "__main__":
    sys.exit(main())
