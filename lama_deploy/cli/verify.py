"""lama-verify: does a bundle still compute what its checkpoint, or another bundle, computes?"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from lama_deploy.bundle import Bundle
from lama_deploy.checkpoints.unshown import GENERATOR
from lama_deploy.cli.common import add_overwrite_option, command, command_parser, progress_bar
from lama_deploy.cli.exit_codes import DONE, PROOF_FAILED
from lama_deploy.cli.verbosity import note
from lama_deploy.cli.verify_layers import verify_layers
from lama_deploy.disk import require_writable, write_whole
from lama_deploy.errors import CheckpointError, LamaDeployError, one_line
from lama_deploy.overwriting import require_free
from lama_deploy.proof.fixed_size import fixed_size
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.subjects import PHOTOGRAPHS, Photograph, Size, Subject, photographs_at, subjects_of
from lama_deploy.runtime.backend import Backend

DEFAULT_SIZES = "64x64,72x136,101x85,37x90x2,256x256"


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-verify",
        "Compare a bundle with eager PyTorch or another bundle, size by size.",
        codes={PROOF_FAILED: "it differs, or a layer diverges"},
    )
    p.add_argument("bundle", metavar="BUNDLE", help="A bundle, as lama-export makes it.")
    p.add_argument(
        "--against",
        default="eager",
        metavar="eager|BUNDLE2",
        help="Compare with this reference (default: eager, float64 PyTorch).",
    )
    p.add_argument(
        "--weights",
        metavar="PATH|NAME",
        help="Take this checkpoint for eager (default: the one that the bundle was made from).",
    )
    p.add_argument(
        "--sizes",
        metavar="SIZE,...",
        help=f"Draw scenes of these sizes, HxW or HxWxBATCH (default: {DEFAULT_SIZES}; for engines their profiles' min "
        "and max and sizes between them; for files of one size that); photographs are compared besides.",
    )
    p.add_argument(
        "--json",
        metavar="FILE",
        help="Write the record to FILE (default: BUNDLE/verify.json, where that can be written).",
    )
    add_overwrite_option(p, "the FILE of --json")
    p.add_argument(
        "--layers",
        action="store_true",
        help="Find the first layer that diverges, by Polygraphy: of an engine, on the GPU, from its model.onnx on the "
        "CPU; with --against, from that of another bundle.",
    )
    return p


@command("verify")
def main() -> int:
    args = parser().parse_args()
    if args.layers:
        return verify_layers(args)
    if args.json:
        require_free([args.json], overwrite=args.overwrite)
        require_writable(args.json)
    from lama_deploy.proof.candidate import candidate
    from lama_deploy.proof.labels import load_labelled
    from lama_deploy.proof.parity import measure
    from lama_deploy.proof.summaries import parity_table
    from lama_deploy.proof.tolerance import tolerance_for, wider

    bundle = load_labelled(args.bundle)
    compared = [bundle] if args.against == "eager" else [bundle, load_labelled(args.against)]
    size = fixed_size(compared, args.sizes)
    subjects = subjects_of(size) if size else _subjects(bundle, args.sizes)
    reference, eager, name = _references(compared, args)
    for assumed in dict.fromkeys(map(_assumed, compared)):  # two bundles of one checkpoint have one
        if assumed:
            note(assumed)
    record = measure(
        candidate(Path(args.bundle) / bundle.model, bundle.precision),
        reference,
        subjects,
        wider(map(tolerance_for, compared)),
        eager=eager,
        reference_name=name,
        progress=progress_bar("parity"),
    )
    print(parity_table(record))
    written = _written(json.dumps(record.to_dict(), indent=2) + "\n", args)
    print(one_line(f"against {name}: {'pass' if record.passed else 'FAIL'}{written}"))
    return DONE if record.passed else PROOF_FAILED


def _written(record: str, args: argparse.Namespace) -> str:
    """Where the record is, for the verdict. Raises LamaDeployError where the asked file cannot be written.

    A bundle that cannot be written to is verified without: a note says it. Nor does a bundle choose where its record
    goes: a link in it may name a file of the user's, and writing to a pipe may never end.
    """
    target = args.json or Path(args.bundle) / "verify.json"
    try:
        if not args.json and os.path.lexists(target) and not stat.S_ISREG(os.lstat(target).st_mode):
            raise LamaDeployError(f"{target}: is no plain file, so the record is not written")
        write_whole(target, record)
    except LamaDeployError as error:
        if args.json:
            raise
        note(f"{error}; or give --json FILE")
        return ""
    return f"; wrote {target}"


def _assumed(bundle: Bundle) -> str:
    """What the proof against eager PyTorch cannot see, since both computed it alike, in words; "" for nothing."""
    unsaid = ", ".join(f"{name} {value}" for name, value in bundle.assumed.items() if name != GENERATOR)
    source = bundle.weights["source"]
    return f"{source} came without a config.yaml, so it is assumed, and not verified: {unsaid}" if unsaid else ""


def _subjects(bundle: Bundle, asked: str | None) -> list[Subject]:
    """Drawn scenes at these sizes, and photographs: of engines at what their profiles are best at."""
    photographs: Sequence[Photograph] = PHOTOGRAPHS
    sizes = [Size.parse(text) for text in (asked or DEFAULT_SIZES).split(",")]
    if bundle.engine:
        from lama_deploy.proof.engine_sizes import best_sizes, engine_sizes

        photographs = photographs_at(best_sizes(bundle.engine))
        sizes = sizes if asked else engine_sizes(bundle.engine)
    return [*sizes, *photographs]


def _references(compared: list[Bundle], args: argparse.Namespace) -> tuple[Backend, Backend | HoleErrors | None, str]:
    """(reference, eager float32 or what it was off by, its name in words) for the first of `compared`."""
    bundle, *others = compared
    if others:
        from lama_deploy.proof.candidate import candidate
        from lama_deploy.proof.parity import recorded_eager

        known = [eager for eager in (recorded_eager(one.parity) for one in compared) if eager]
        worst = max(known, key=lambda eager: eager.rms, default=None)
        return candidate(Path(args.against) / others[0].model, others[0].precision), worst, str(args.against)
    from lama_deploy.checkpoints.weights import load_weights
    from lama_deploy.proof.reference import eager, oracle

    source = args.weights or bundle.weights["source"]
    checkpoint = load_weights(source, bundle.assumed)
    if checkpoint.sha256 != bundle.weights["sha256"]:
        raise CheckpointError(
            f"{source}: SHA-256 {checkpoint.sha256[:12]}… is not the {bundle.weights['sha256'][:12]}… this bundle was "
            "made from; give the right file with --weights"
        )
    return oracle(checkpoint), eager(checkpoint), "eager PyTorch, float64"


if __name__ == "__main__":
    sys.exit(main())
