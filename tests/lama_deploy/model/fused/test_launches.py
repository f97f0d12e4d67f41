"""How many kernels a forward starts on a GPU, counted on the CPU: much of what batch 1 at a small size is made of."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lama_deploy.model import build_generator
from lama_deploy.model.fused import blocks, frame
from lama_deploy.model.fused.generator import FusedGenerator
from lama_deploy.native.frames import by_torch_
from lama_deploy.variants import GeneratorConfig

OF_A_UNIT = 5  # rows, columns, mixing, columns back, rows back: kernels/src/tensor_core_unit.cu
OF_A_REPLAY = 2  # the input into the graph's buffer, the result out of it
NONE = {"aten::promote_types", "aten::reshape"}  # of maps that lie as they should
CONVOLUTIONS = {"aten::conv2d", "aten::conv_transpose2d.input"}


class Launches(TorchDispatchMode):
    """Kernels by kind. cuDNN takes dense maps, so that a convolution of some of a map's channels copies them first."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name()
        if name == "lama::spectral_conv":
            self.counted["Fourier units"] += OF_A_UNIT
        elif name in CONVOLUTIONS:
            self.counted["convolutions"] += 1
            self.counted["copies of slices"] += not is_dense(args[0])
        elif name == "aten::to.dtype" or not (func.is_view or "empty" in name or name in NONE):
            self.counted[name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def is_dense(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def counted(config: GeneratorConfig, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Of one forward with the kernel library, whose frames are one kernel each."""
    launches = Launches()

    def update(*args: Any, relu: bool = True, accumulate: bool = False, copies: Any = None) -> Tensor:
        launches.counted["frames"] += 1
        with torch.utils._python_dispatch._disable_current_modes():
            return by_torch_(*args, relu=relu, accumulate=accumulate, copies=copies)

    for module in (blocks, frame):
        monkeypatch.setattr(module, "update_frame_", update)
    state = {key: value.numpy() for key, value in build_generator(config).state_dict().items()}
    generator = FusedGenerator(config, state, torch.float32)
    x = torch.rand(1, 4, 32, 32)
    with launches:
        generator(x)
    return launches.counted


def test_launches_of_big_lama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its width: 36 FFCs of 10 kernels, and what stands around them."""
    found = counted(GeneratorConfig(width=8, blocks=18), monkeypatch)
    assert found == {
        "convolutions": 36 * 2 + 9,
        "copies of slices": 1,
        "Fourier units": 36 * OF_A_UNIT,
        "frames": 36 + 7,
        "_addmm_activation": 36,
        "addmm_": 36,
        "copy_": 13,  # of the stem's frame, and its border's rows and columns
        "to.dtype": 1,  # in half precision
        "add_.Tensor": 1,
        "sigmoid_": 1,
    }
    assert found.total() + OF_A_REPLAY == 395
