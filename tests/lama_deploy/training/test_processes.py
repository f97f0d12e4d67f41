"""Two processes on one CPU train one pair of networks."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.training.config import config_to_dict
from lama_deploy.training.loop import build_networks
from lama_deploy.training.state import LAST, WEIGHTS, restore_run

# Runs the command in each process, and leaves what the process has in the end beside the run.
PROGRAM = """
import sys
from pathlib import Path
import torch
from lama_deploy.cli.train import main
from lama_deploy.training import loop

torch.set_num_threads(1)
steps = loop._steps

def watched(fabric, config, run, nets, *rest):
    steps(fabric, config, run, nets, *rest)
    content = {"rank": fabric.global_rank, "world": fabric.world_size}
    for name in ("generator", "discriminator", "average"):
        content[name] = dict(getattr(nets, name).named_parameters())
        content[name + ".buffers"] = dict(getattr(nets, name).named_buffers())
    torch.save(content, run.out.parent / f"rank{fabric.global_rank}.pt")

loop._steps = watched
sys.exit(main())
"""


@pytest.mark.slow
def test_two_processes_stay_equal_and_their_state_loads(config, fabric, change, pictures, tmp_path):
    """Equal weights in both after every collective step, other pictures in each, one set of files, from the first."""
    config = change(config, steps=2, save_every=2)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config_to_dict(config)))
    (tmp_path / "program.py").write_text(PROGRAM)
    options = [
        "--config",
        "run.yaml",
        "--data",
        str(pictures),
        "--out",
        "out",
        "--accelerator",
        "cpu",
        "--devices",
        "2",
    ]
    command = [sys.executable, "program.py", *options]
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(root), "PATH": "", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    assert [(content["rank"], content["world"]) for content in ranks] == [(0, 2), (1, 2)]
    for name in ("generator", "discriminator", "average"):
        one, other = (content[name] for content in ranks)
        assert all(torch.equal(tensor, other[key]) for key, tensor in one.items()), name
    means = [content["generator.buffers"]["_forward_module.module.model.1.bn_l.running_mean"] for content in ranks]
    assert not torch.equal(*means)  # each process has seen pictures of its own
    assert done.stdout.count("written to out") == 1
    nets = build_networks(fabric, config, None)
    assert restore_run(tmp_path / "out", config, nets) == 2
    first = {key.split("module.")[-1]: tensor for key, tensor in ranks[0]["generator"].items()}
    for key, tensor in nets.generator.module.named_parameters():
        assert torch.equal(tensor, first[key]), key
    assert load_checkpoint(tmp_path / "out").config == config.generator
    assert (tmp_path / "out" / WEIGHTS).is_file() and (tmp_path / "out" / LAST).is_file()
