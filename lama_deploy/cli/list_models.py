"""lama-deploy list: models by name, where they are on this machine, and the bundles in folders."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST, load_bundle
from lama_deploy.checkpoints.published import DEMO, PUBLISHED
from lama_deploy.checkpoints.weights import DEMO_FILE, files_here
from lama_deploy.cli.common import command, command_parser
from lama_deploy.cli.verbosity import note
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.reports.about import about_bundle
from lama_deploy.reports.text import aligned, megabytes

DEPTH = 3  # of folders that are looked into: bundles lie beside each other, not in each other


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-deploy list",
        "List the models that have names, with the files that are on this machine, and the bundles in folders. Nothing "
        "is downloaded and no file is checked: lama-deploy info does that.",
    )
    p.add_argument(
        "folders",
        metavar="DIR",
        type=Path,
        nargs="*",
        default=[Path()],
        help=f"Look for bundles in these folders and {DEPTH} levels below (default: this one).",
    )
    p.add_argument("--json", action="store_true", help="Print it as JSON.")
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    for folder in args.folders:
        if not folder.is_dir():
            raise LamaDeployError(f"{brief(str(folder))}: no such folder")
    names, bundles = list(named_models()), list(bundles_in(args.folders))
    if args.json:
        print(json.dumps({"names": names, "bundles": bundles}, indent=1))
        return 0
    rows = [("name", "", "size", "file"), *map(_named_row, names)]
    if bundles:
        rows += [("", "", "", ""), ("bundle", "made for", "size", "made from"), *map(_bundle_row, bundles)]
    print(aligned(rows, left=(0, 1, 3)))
    return 0


def named_models() -> Iterator[dict[str, Any]]:
    """{"name", "path", "bytes"}; of what is not on this machine path and bytes are None."""
    files = {DEMO: [DEMO_FILE], **{name: files_here(name) for name in PUBLISHED}}
    for name, found in files.items():
        file = next(iter(found), None)
        yield {"name": name, "path": file and str(file), "bytes": file and file.stat().st_size}


def bundles_in(folders: list[Path]) -> Iterator[dict[str, Any]]:
    """The facts of each bundle, in order of path; a note for one that cannot be read."""
    seen = set()
    for folder in folders:
        for path in sorted(_with_manifest(folder, DEPTH)):
            if os.path.realpath(path) in seen:
                continue
            seen.add(os.path.realpath(path))
            try:
                yield about_bundle(path, load_bundle(path, check=False))
            except LamaDeployError as error:
                note(error)


def _with_manifest(folder: Path, depth: int) -> Iterator[Path]:
    """Folders of bundles, this one too. Links and what may not be entered are passed by."""
    if (folder / MANIFEST).is_file():
        yield folder
    try:
        below = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)] if depth else []
    except OSError:
        return
    for path in below:
        if not Path(path).name.startswith("."):
            yield from _with_manifest(Path(path), depth - 1)


def _named_row(one: dict[str, Any]) -> tuple[str, ...]:
    if one["path"] is None:
        return one["name"], "", "-", "not on this machine; the first command that uses it downloads it"
    return one["name"], "", megabytes(one["bytes"]), brief(one["path"])


def _bundle_row(one: dict[str, Any]) -> tuple[str, ...]:
    made_for = f"{one['target']} {one['precision']}"
    source = f"{one['variant'] or 'a generator of its own'}, {brief(one['weights']['source'], 80)}"
    return brief(one["path"], 60), made_for, megabytes(one["bytes"]), source


if __name__ == "__main__":
    sys.exit(main())
