"""What a model is: a checkpoint or a bundle, as facts for JSON and as lines for people. Needs no engine, nor torch."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST, MODELS, Bundle, is_bundle, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.checkpoints.weights import find_weights, known_as
from lama_deploy.errors import BundleError, brief
from lama_deploy.reports.text import megabytes
from lama_deploy.variants import GeneratorConfig, variant_name

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # of BN; the rest of a state_dict is trained
SUFFIXES = {Path(name).suffix for name in MODELS.values()}
UNKNOWN = "cannot be read"


def about(source: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts of a bundle, of a model file in one, of a checkpoint, or of a name of weights.

    Nothing is downloaded. Raises CheckpointError, BundleError and what else `find_weights` and `load_bundle` raise.
    """
    path = Path(source)
    if path.suffix in SUFFIXES and path.is_file():
        if not is_bundle(path.parent):
            raise BundleError(f"{brief(str(path))}: no {MANIFEST} beside it tells what it is; give its bundle")
        path = path.parent
    if is_bundle(path):
        return about_bundle(path, load_bundle(path))
    return about_checkpoint(load_checkpoint(find_weights(source, download=False)))


def about_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "kind": "checkpoint",
        "path": str(checkpoint.path),
        "bytes": checkpoint.path.stat().st_size,
        "sha256": checkpoint.sha256,
        "known": known_as(checkpoint.sha256),
        "assumed": dict(checkpoint.assumed),
        **about_generator(checkpoint.config),
    }


def about_bundle(folder: Path, bundle: Bundle) -> dict[str, Any]:
    return {
        "kind": "bundle",
        "path": str(folder),
        "target": bundle.target,
        "precision": bundle.precision,
        "spectral": bundle.spectral,
        "io": bundle.io,
        **about_generator(bundle.config),
        "weights": bundle.weights,
        "assumed": bundle.assumed,
        "files": {name: recorded["bytes"] for name, recorded in bundle.files.items()},
        "bytes": sum(recorded["bytes"] for recorded in bundle.files.values()),
        "decoder": bundle.decoder,
        "profiles": bundle.engine.get("profiles", []),
        "shape": bundle.fixed_shape,
        "created": bundle.created,
        "tools": bundle.tools,
        "proof": _proof(bundle.parity),
        "memory": bundle.memory,
    }


def about_generator(config: GeneratorConfig) -> dict[str, Any]:
    shapes = expected_shapes(config)
    trained = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(BUFFERS))
    return {"variant": variant_name(config), "generator": config.to_dict(), "parameters": trained}


def generator_line(facts: Mapping[str, Any]) -> str:
    """Of the facts of any model, such as "big-lama: ffc, 18 blocks of 512 channels, 51,057,283 parameters"."""
    config = GeneratorConfig.from_dict(facts["generator"])
    name = facts["variant"] or "no generator of the paper's"
    return (
        f"{name}: {config.kind}, {config.blocks} blocks of {config.latent_channels} channels, "
        f"{facts['parameters']:,} parameters"
    )


def about_lines(facts: Mapping[str, Any]) -> list[str]:
    """The same for people, one fact a line. Texts from outside are quoted briefly."""
    is_bundle = facts["kind"] == "bundle"
    lines = [("bundle" if is_bundle else "checkpoint", facts["path"]), ("generator", generator_line(facts))]
    if is_bundle:
        lines += _bundle_lines(facts)
    else:
        lines += [
            ("size", megabytes(facts["bytes"])),
            ("SHA-256", facts["sha256"]),
            ("known as", facts["known"] or "no published file"),
        ]
    if facts["assumed"]:
        lines.append(("assumed", ", ".join(f"{name} {value}" for name, value in facts["assumed"].items())))
    width = max(len(name) for name, _ in lines)
    return [f"{name:{width}}  {brief(str(value), 500)}" for name, value in lines]


def _bundle_lines(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    files = ", ".join(f"{name} {megabytes(count)}" for name, count in facts["files"].items())
    weights = facts["weights"]
    return [
        ("made for", f"{facts['target']}, {facts['precision']}, Fourier units as {facts['spectral']}"),
        ("decodes", {"hole": "a window around the holes", "whole": "the whole picture"}[facts["decoder"]]),
        ("takes", f"{facts['io']} pictures, {_sizes(facts['profiles'], facts['shape'])}"),
        ("files", files),
        ("made from", f"{weights['source']}, SHA-256 {weights['sha256']}"),
        ("made", f"{facts['created']} by {', '.join(f'{name} {one}' for name, one in facts['tools'].items())}"),
        ("proof", _proof_text(facts["proof"])),
        ("memory", _memory_text(facts["memory"], facts["shape"])),
    ]


def _sizes(profiles: list[Mapping[str, Any]], fixed: list[int] | None) -> str:
    if fixed:
        count, height, width = fixed
        return f"{count} of {height}x{width} at once, others in parts"
    if not profiles:
        return "any size from 1x1, any batch"
    ranges = (" to ".join("x".join(map(str, profile[end])) for end in ("min", "max")) for profile in profiles)
    return f"heights and widths of {', '.join(ranges)} at once, others in parts"


def _memory_text(record: Mapping[str, Any], fixed: list[int] | None) -> str:
    """Of a bundle's record, which has been found to be of its shape."""
    if not record and fixed:
        return "not measured: every run is of one size"
    if not record:
        return "not measured; estimated until a picture may not fit, and measured then"
    memory, where = record["memory"], record["conditions"]
    engines = ", ".join(f"{name} {version}" for name, version in where["engine"].items())
    return (
        f"{megabytes(memory['fixed'])}, {memory['per_pixel']:.0f} bytes a pixel and {memory['per_picture']:.0f} for "
        f"each of one picture, within {memory['residual']:.0%} where measured: {where['cores']} cores "
        f"of {where['cpu']}, {engines}"
    )


def _proof(parity: Mapping[str, Any]) -> dict[str, Any]:
    """In short; of a record that somebody wrote by hand as much as can be read."""
    try:
        cases = parity["cases"]
        return {
            "passed": bool(parity["passed"]),
            "against": str(parity["reference"]),
            "run_by": str(parity.get("engine", "")),
            "cases": len(cases),
            "largest_error": max(float(case["found"]["largest"]) for case in cases),
            "least_psnr": min((float(case["found"]["psnr"]) for case in cases if case["found"]["psnr"]), default=None),
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return {"passed": False, "against": UNKNOWN}


def _proof_text(proof: Mapping[str, Any]) -> str:
    if "cases" not in proof:
        return f"its record {UNKNOWN}; lama-verify makes a new one"
    psnr = "identical" if proof["least_psnr"] is None else f"at least {proof['least_psnr']:.1f} dB"
    cases = "1 case" if proof["cases"] == 1 else f"{proof['cases']} cases"
    return (
        f"{'passed' if proof['passed'] else 'FAILED'} in {cases} against {proof['against']}, run by "
        f"{proof['run_by'] or 'its engine'}: max error {proof['largest_error']:.1e}, {psnr} inside holes"
    )
