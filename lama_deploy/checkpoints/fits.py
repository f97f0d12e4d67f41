"""Is a generator in a file one that is computed here? Every key of it has to be known, and every weight there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.keys import Shape, expected_shapes, recognise
from lama_deploy.errors import CheckpointError, brief
from lama_deploy.variants import GeneratorConfig

# What parts of keys say of a network that official code can build and that is not computed here.
MEANINGS: Mapping[str, str] = {
    ".lfu.": "local Fourier units (enable_lfu)",
    ".gate.": "gates between its branches (gated)",
    ".se.": "squeeze and excitation (use_se)",
    ".impl.": "a learnable spatial transform (spatial_transform_layers)",
    ".in_channels_permute": "shuffled channels (shuffle_in_channels)",
    ".weight_orig": "spectral norm",
    ".weight_g": "weight norm",
    ".depthwise.": "depthwise convolutions (conv_kind)",
}
MOST_NAMED = 3
COORDINATES = 2  # channels that official spectral_pos_encoding puts in front of a spectrum


def recognised(shapes: Mapping[str, Shape]) -> GeneratorConfig:
    """As `recognise`, with what the keys mean where that is known. Raises CheckpointError."""
    try:
        return recognise(shapes)
    except CheckpointError as error:
        meaning = _meaning(shapes)
        raise CheckpointError(f"{error}; it has {meaning}" if meaning else str(error)) from error


def check_keys(config: GeneratorConfig, shapes: Mapping[str, Shape]) -> None:
    """Raise CheckpointError unless these are a generator's tensors, each of its shape, and no others.

    Counters of BN may be missing or more.
    """
    expected = expected_shapes(config)
    if _has_block_behind(shapes):
        raise CheckpointError(_unfit("it has a Fourier block behind its upsampling (out_ffc), not computed here"))
    surplus = [key for key in shapes if key not in expected and not is_counter(key)]
    missing = [key for key in expected if key not in shapes and not is_counter(key)]
    wrong = [key for key in expected if shapes.get(key, expected[key]) != expected[key]]
    if surplus:
        raise CheckpointError(_of_surplus(config, surplus))
    if missing:
        raise CheckpointError(_unfit(f"{len(missing)} tensors are missing, first {missing[0]}"))
    if wrong:
        found, wanted = brief(shapes[wrong[0]]), expected[wrong[0]]
        told = f"{len(wrong)} tensors have a wrong shape, first {wrong[0]}: {found} instead of {wanted}"
        raise CheckpointError(_unfit(told) + _hint(wrong[0], shapes[wrong[0]], wanted))


def checked_state(config: GeneratorConfig, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The state in official order and dtypes, missing counters 0. Raises CheckpointError for what no weight can be."""
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: found below
        state = {
            key: np.asarray(arrays.get(key, 0), np.int64 if is_counter(key) else np.float32).reshape(shape)
            for key, shape in expected_shapes(config).items()
        }
    broken = [key for key, array in state.items() if array.dtype == np.float32 and not np.isfinite(array).all()]
    if broken:
        raise CheckpointError(f"NaN or infinity in {len(broken)} tensors, first {broken[0]}; the file is unusable")
    return state


def is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _unfit(told: str) -> str:
    return f"does not fit its own generator: {told}"


def _of_surplus(config: GeneratorConfig, surplus: list[str]) -> str:
    """What to say of keys that the generator has not."""
    named = ", ".join(brief(key, 100) for key in surplus[:MOST_NAMED])
    meaning = _meaning(surplus)
    return (
        f"another network than is computed here: {len(surplus)} of its tensors are of no {config.kind} generator of "
        f"{config.blocks} blocks, such as {named}" + (f": {meaning}" if meaning else "") + "; without them its "
        "pictures would be others, so it is refused; run it in the code that trained it"
    )


def _meaning(keys: Iterable[str]) -> str:
    """In words, "" where nothing is known of them."""
    known = (meaning for key in keys for part, meaning in MEANINGS.items() if part in f".{key}.")
    return " and ".join(dict.fromkeys(known))


def _has_block_behind(keys: Iterable[str]) -> bool:
    """Whether the numbers of its Fourier blocks have a gap, in which the upsampling lies."""
    matches = (re.fullmatch(r"model\.(\d{1,9})\.conv1\.ffc\.convl2l\.weight", key) for key in keys)
    numbers = [int(match[1]) for match in matches if match]
    return len(numbers) > 1 and max(numbers) - min(numbers) >= len(numbers)


def _hint(key: str, found: Shape, wanted: Shape) -> str:
    encoded = key.endswith(".fu.conv_layer.weight") and found[1:2] == (wanted[1] + COORDINATES,)
    return "; it has coordinates in its spectra (spectral_pos_encoding), which is not computed here" if encoded else ""
