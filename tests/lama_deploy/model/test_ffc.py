"""The Fourier unit under autocast computes in float32, as it does without."""

import pytest
import torch

from lama_deploy.model import seeded_generator
from lama_deploy.model.ffc import FourierUnit
from lama_deploy.variants import GeneratorConfig


@pytest.fixture
def unit() -> FourierUnit:
    torch.manual_seed(0)
    return FourierUnit(6).train()


def autocast() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize("size", [(8, 8), (5, 7)])
def test_float32_input_gives_the_same_bits(unit, size):
    """In training mode, forward and backward: not one operation in half precision."""
    x = torch.randn(2, 6, *size)
    results = []
    for context in (torch.autocast("cpu", enabled=False), autocast()):
        given = x.clone().requires_grad_()
        unit.zero_grad()
        with context:
            y = unit(given)
            assert y.dtype == torch.float32
            y.square().sum().backward()
        results.append((y.detach(), given.grad, unit.conv_layer.weight.grad.clone()))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_half_input_is_computed_in_float32_and_returned_in_half(unit):
    x = torch.randn(2, 6, 8, 8).bfloat16()
    with autocast():
        found = unit(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, unit(x.float()).bfloat16())


def test_large_mean_does_not_drown_the_rest(unit):
    """The DC bin of a bright map is far larger than the others: in half precision it would leave 3 digits of them."""
    x = torch.randn(2, 6, 16, 16) * 0.01 + 100
    with torch.no_grad(), autocast():
        found = unit(x)
    torch.testing.assert_close(found.double(), unit.double()(x.double()), rtol=1e-3, atol=2e-3)


def test_other_layers_do_use_half_precision():
    """Autocast is on around the unit, and only the unit opts out."""
    generator = seeded_generator(GeneratorConfig(width=8, blocks=1))
    seen = {}
    for name, module in generator.named_modules():
        if name.endswith((".convl2l", ".conv_layer")):
            module.register_forward_hook(lambda module, args, out, name=name: seen.update({name: out.dtype}))
    with torch.no_grad(), autocast():
        generator(torch.rand(1, 4, 32, 32))
    units = {dtype for name, dtype in seen.items() if name.endswith("conv_layer")}
    others = {dtype for name, dtype in seen.items() if name.endswith("convl2l")}
    assert (units, others) == ({torch.float32}, {torch.bfloat16})
