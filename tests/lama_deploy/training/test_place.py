"""A run starts neither over another run nor in the folder of somebody's checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from lama_deploy.errors import LamaDeployError
from lama_deploy.training.place import require_place

OFFICIAL, OURS = "generator:\n  kind: ffc_resnet\n", "generator: {}\nlama_deploy:\n  steps: 3\n"
FILES = {
    "config": "config.yaml",
    "last": "models/last.ckpt",
    "best": "models/best.ckpt",
    "weights": "generator.safetensors",
}


@pytest.mark.parametrize(
    ("config", "others", "resume", "said"),
    [
        (None, [], False, None),
        (
            None,
            ["best"],
            False,
            "best.ckpt: is of another run, and the config.yaml of this one would be taken for its own",
        ),
        (OURS, ["best"], False, None),
        (OFFICIAL, ["best"], False, "config.yaml: exists already and would be replaced; give another --out, or --over"),
        (OFFICIAL, ["last"], False, "config.yaml, and 1 more"),
        (OFFICIAL, ["last"], True, "config.yaml: exists already .* it is not a run of lama-train's"),
        (OURS, ["last", "weights"], False, "holds a run already; go on with --resume"),
        (OURS, ["last", "weights"], True, None),
        (None, ["weights"], False, "generator.safetensors: exists already"),
        (None, ["last"], True, None),
        (OURS, [], False, None),
        (OURS, ["weights"], False, "generator.safetensors: exists already"),
    ],
)
def test_what_is_there_stays(
    tmp_path: Path, config: str | None, others: list[str], resume: bool, said: str | None
) -> None:
    (tmp_path / "models").mkdir()
    for name, text in {"config": config, **dict.fromkeys(others, "weights")}.items():
        if text is not None:
            (tmp_path / FILES[name]).write_text(text)
    if said is None:
        require_place(tmp_path, resume=resume, overwrite=False)
    else:
        with pytest.raises(LamaDeployError, match=said):
            require_place(tmp_path, resume=resume, overwrite=False)
    require_place(tmp_path, resume=resume, overwrite=True)
