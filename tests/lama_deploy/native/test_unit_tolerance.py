"""The tolerance of a unit takes what storing halves costs (by NumPy, as an H200 does it), and refuses small defects."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lama_deploy.native.op import by_torch_fft
from tests.kernels.half_storage import run_stored, spectrum_gain
from tests.lama_deploy.native.unit_tolerance import assert_within_tolerance, unit_parameters

CHANNELS = 8
SIZES = [(64, 64), (85, 67), (251, 24)]


def unit(h: int, w: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, weight and bias in float16, and y in float64."""
    x = torch.randn(1, CHANNELS, h, w, generator=torch.Generator().manual_seed(h)).half()
    weight, bias = unit_parameters(CHANNELS, torch.float16)
    return x, weight, bias, by_torch_fft(x.double(), weight.double(), bias.double(), None)


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_what_halves_cost_passes(h: int, w: int) -> None:
    x, weight, bias, exact = unit(h, w)
    y = torch.from_numpy(run_stored(x.numpy(), weight.numpy(), bias.numpy(), spectrum_gain(h, w)))
    assert exact.std() > 0.1
    assert_within_tolerance(y.half(), exact)


def a_weight_off_by_3_percent(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    weight = weight.double().clone()
    weight[3] *= 1.03
    return by_torch_fft(x.double(), weight, bias.double(), None)


def a_lost_bias(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    bias = bias.double().clone()
    bias[5] = 0
    return by_torch_fft(x.double(), weight.double(), bias, None)


def a_scale_off_by_1_percent(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return 1.01 * by_torch_fft(x.double(), weight.double(), bias.double(), None)


def the_first_row_moved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All but its impulse, where the tolerance is widest."""
    y = by_torch_fft(x.double(), weight.double(), bias.double(), None).clone()
    y[..., 0, 1:] = y[..., 0, 1:].roll(1, -1)
    return y


def one_pixel_not_written(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y = by_torch_fft(x.double(), weight.double(), bias.double(), None).clone()
    y[0, 2, 0, 7] = 0
    return y


@pytest.mark.parametrize(("h", "w"), SIZES)
@pytest.mark.parametrize(
    "defect",
    [
        a_weight_off_by_3_percent,
        a_lost_bias,
        a_scale_off_by_1_percent,
        the_first_row_moved,
        one_pixel_not_written,
    ],
)
def test_defects_are_refused(defect: Callable[[Tensor, Tensor, Tensor], Tensor], h: int, w: int) -> None:
    x, weight, bias, exact = unit(h, w)
    with pytest.raises(AssertionError, match=r"allowed 0\.001"):
        assert_within_tolerance(defect(x, weight, bias).half(), exact)
