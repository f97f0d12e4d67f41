"""What a half-precision engine would store, measured and bounded."""

import numpy as np
import pytest

from lama_deploy.checkpoints.topology import layers
from lama_deploy.images.scenes import scene
from lama_deploy.precision.scales import scale_state
from lama_export.precision.bounds import worst_case
from lama_export.precision.ranges import measure_ranges
from tests.scaled_generators import CONFIGS, KINDS, drawn_scales, state_of


@KINDS
def test_measured_ranges_scale_with_their_values(config):
    """All values are measured, and each is scaled by its own factor and by no other."""
    state, scales = state_of(config), drawn_scales(config)
    images, masks = scene(40, 56, 2)
    pairs = list(zip(images, masks, strict=True))
    before = measure_ranges(config, state, pairs)
    after = measure_ranges(config, scale_state(config, state, scales), pairs)
    assert set(before) == {layer.output for layer in layers(config)}
    for value, found in before.items():
        for name, largest in found.items():
            assert after[value][name] == pytest.approx(scales.get(value, 1.0) * largest, rel=1e-4), name


@KINDS
def test_no_picture_exceeds_the_bound(config):
    state = state_of(config)
    images, masks = scene(40, 56, 2)
    extremes = [*zip(images, masks, strict=True), (np.full_like(images[0], 255), masks[0])]
    bounds = worst_case(config, state, 40, 56)
    measured = {value: max(found.values()) for value, found in measure_ranges(config, state, extremes).items()}
    assert set(bounds) == set(measured)
    assert all(measured[value] <= bounds[value] for value in bounds)


def test_spectra_are_measured_with_their_dc_term():
    """A white picture has nothing but a mean, which the spectrum multiplies by the latent's side."""
    config = CONFIGS[0]
    state = state_of(config)
    small, large = (
        measure_ranges(config, state, [(np.full((side, side, 3), 255, np.uint8), np.zeros((side, side), np.uint8))])
        for side in (64, 256)
    )
    name = "block01/conv1/spectral"
    products = [key for key in small[name] if "dft_h" in key]
    assert products and large[name][products[0]] > 3 * small[name][products[0]]
