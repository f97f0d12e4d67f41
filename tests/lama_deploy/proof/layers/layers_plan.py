"""What TensorRT-RTX says of the engines that layers would be compared with; needs no GPU.

python layers_plan.py BUNDLE BUNDLE_WITH_PLUGIN PLUGIN      prints one JSON object for each bundle, in a list
"""

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from lama_deploy.bundle import load_bundle
from lama_deploy.proof.layers.bundles import LayeredModel, outputs_of, profile_for
from lama_deploy.proof.layers.runners import engine_plan, require_polygraphy
from lama_deploy.proof.subjects import Size
from lama_export.tensorrt.listing import read_listing


def messages_of_polygraphy() -> list[str]:
    """A list that all of them are added to from now on."""
    from polygraphy.logger import G_LOGGER

    messages: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("Polygraphy")
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(1)
    G_LOGGER.use_python_logging_system, G_LOGGER.colors, G_LOGGER.letter = True, False, False
    G_LOGGER.module_severity = G_LOGGER.EXTRA_VERBOSE
    return messages


def build(folder: Path, plugin: Path | None, messages: list[str]) -> dict[str, Any]:
    messages.clear()
    bundle = load_bundle(folder)
    subject = LayeredModel.open(folder, bundle)
    outputs = outputs_of(subject, subject)
    profile = profile_for(bundle.engine, Size(72, 136))
    plan = bytes(engine_plan(subject.engine_model, outputs, bundle.target, bundle.engine, profile, plugin)())
    listing = read_listing(messages)
    flags = next(found[1] for message in messages if (found := re.search(r"Flags\s+\| \[(.*)\]", message)))
    said = {"flags": flags, "tensors": listing.tensors, "counts": listing.counts}
    return {"bytes": len(plan), "outputs": outputs, **said}


def main() -> None:
    plain, with_plugin, plugin = map(Path, sys.argv[1:])
    require_polygraphy("trt-rtx")
    messages = messages_of_polygraphy()
    json.dump([build(plain, None, messages), build(with_plugin, plugin, messages)], sys.stdout)


if __name__ == "__main__":
    main()
