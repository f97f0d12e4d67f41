"""The files of `--to litert`: written layer by layer, with the shape that LiteRT's kernels like (`edge.dft`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lama_export.edge.interface import interface_of
from lama_export.edge.tflite_model import tflite_from_state

if TYPE_CHECKING:
    from lama_export.targets import ExportJob, Written


def write_litert(job: ExportJob, path: Path) -> Written:
    """Raises ParityError where int8 costs too much."""
    from lama_export.targets import Written

    options, size = job.options, job.options.fixed_size
    assert size is not None  # of a target of one size
    shape = (size.batch, size.height, size.width)
    content = tflite_from_state(job.config, job.state_dict, shape, io=options.io, precision=options.precision)
    quantisation = {}
    if options.precision == "int8":
        from lama_export.edge import litert_int8

        content, choice = litert_int8.quantise(
            content, job.config, size, job.photographs, options.least_psnr, job.progress
        )
        quantisation = job.describe(choice)
    path.write_bytes(content)
    return Written(path, interface_of(options.io, size), "inline", quantisation)
