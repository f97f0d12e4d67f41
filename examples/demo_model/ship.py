"""Put a trained run's generator into the package, in half precision: `python examples/demo_model/ship.py RUN`.

RUN is the --out of lama-train or of lease.py. Prints what is shipped: size, SHA-256 and a weight's largest rounding
error. Beside it goes the graph of its ONNX file without the weights, which runs where there is no torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.published import DEMO, DEMO_SHA256
from lama_deploy.checkpoints.weights import DEMO_FILE
from lama_deploy.cli.common import command
from lama_deploy.errors import ConfigError
from lama_deploy.runtime.backends.onnxruntime_demo import GRAPH, NAME
from lama_deploy.variants import VARIANTS
from lama_export.graph.model import onnx_from_state

LIMIT = 12_000_000  # bytes: what a package may reasonably carry


def graph_without_weights(checkpoint: Checkpoint) -> bytes:
    """What lama-export makes of it, each weight with its type, shape and name alone."""
    model = onnx_from_state(checkpoint.config, checkpoint.state_dict, decoder="hole")
    for tensor in model.graph.initializer:
        if NAME.fullmatch(tensor.name.encode()):
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    return model.SerializeToString(deterministic=True)


@command("train")
def main() -> int:
    if len(sys.argv) != 2:
        raise ConfigError("give the folder of one run, such as runs/lama-demo")
    trained = load_checkpoint(Path(sys.argv[1]) / "generator.safetensors")
    if trained.config != VARIANTS[DEMO]:
        raise ConfigError(f"{trained.path}: {trained.config} is not {DEMO}'s {VARIANTS[DEMO]}")
    DEMO_FILE.parent.mkdir(exist_ok=True)
    save_checkpoint(DEMO_FILE, trained.config, trained.state_dict, half=True)
    shipped = load_checkpoint(DEMO_FILE)  # raises where a value left half precision's range
    size = DEMO_FILE.stat().st_size
    if size > LIMIT:
        raise ConfigError(f"{DEMO_FILE}: {size:,} bytes; at most {LIMIT:,}")
    error = max(float(np.abs(shipped.state_dict[k] - v).max(initial=0)) for k, v in trained.state_dict.items())
    print(f"{DEMO_FILE}: {size:,} bytes, SHA-256 {shipped.sha256}, largest rounding error {error:.2g}")
    GRAPH.write_bytes(graph_without_weights(shipped))
    if shipped.sha256 != DEMO_SHA256:
        print("write this SHA-256 into lama_deploy/checkpoints/published.py, as DEMO_SHA256")
    return 0


if __name__ == "__main__":
    sys.exit(main())
