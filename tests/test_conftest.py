"""What tests may not do to each other, and what they share."""

import time
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.variants import GeneratorConfig
from tests.kept_references import COMPUTED


def test_no_clock_of_the_whole_process_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for target in ((time, "monotonic"), ("lama_deploy.training.report.time.monotonic",)):
        with pytest.raises(AssertionError, match="in the module under test"):
            monkeypatch.setattr(*target, lambda: 0.0)
    assert time.monotonic() > 0


def test_references_are_kept_by_weights_type_and_pictures() -> None:
    config = GeneratorConfig(width=4, blocks=1)
    found = []
    for seed in (0, 1):
        state = {key: value.numpy() for key, value in seeded_generator(config, seed=seed).state_dict().items()}
        for reference in (
            oracle(Checkpoint(Path("unread"), config, state, "")),
            eager(Checkpoint(Path("unread"), config, state, "")),
        ):
            for pictures in (scene(24, 40), scene(24, 48)):
                found.append(reference.run(*pictures))
                for kept in (found[-1], reference.run(*pictures)):
                    np.testing.assert_array_equal(kept, COMPUTED(reference, *pictures))
    assert all(not np.array_equal(one, other) for place, one in enumerate(found) for other in found[:place])
