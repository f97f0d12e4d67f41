"""lama-verify --layers: which layer is the first to compute something else?"""

from __future__ import annotations

import argparse
from pathlib import Path

from lama_deploy.cli.exit_codes import DONE, PROOF_FAILED
from lama_deploy.errors import ConfigError

SIZE = "72x136"  # a latent of 9x17; of engines the least that their profiles take


def verify_layers(args: argparse.Namespace) -> int:
    """Print a table for each size; PROOF_FAILED where a layer diverges. Raises a LamaDeployError."""
    if args.weights or args.json:
        raise ConfigError("--layers compares files with files and writes nothing: it takes no --weights and no --json")
    from lama_deploy.proof.engine_sizes import engine_sizes
    from lama_deploy.proof.fixed_size import fixed_size
    from lama_deploy.proof.labels import load_labelled
    from lama_deploy.proof.layers.bundles import LayeredModel, compare_layers
    from lama_deploy.proof.layers.compare import first_divergence
    from lama_deploy.proof.layers.table import layer_table
    from lama_deploy.proof.subjects import Size

    bundle = load_labelled(args.bundle)
    candidate = reference = LayeredModel.open(Path(args.bundle), bundle)
    if args.against == "eager" and not bundle.engine:
        raise ConfigError(f"{args.bundle}: --layers compares it with another bundle: give --against BUNDLE2")
    if args.against != "eager":
        reference = LayeredModel.open(Path(args.against), load_labelled(args.against))
    fixed = fixed_size((bundle, reference.bundle), args.sizes)
    sizes = [fixed] if fixed else [Size.parse(text) for text in (args.sizes or SIZE).split(",")]
    if bundle.engine and not args.sizes:
        sizes = engine_sizes(bundle.engine)[:1]
    diverges = False
    for size in sizes:
        found = compare_layers(candidate, reference, size)
        print(f"{size}: {candidate}, against {reference.model_file}\n{layer_table(found)}")
        diverges |= first_divergence(found) is not None
    return PROOF_FAILED if diverges else DONE
