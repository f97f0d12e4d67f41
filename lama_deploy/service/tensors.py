"""Requests and answers of the V2 inference protocol: JSON, and binary data behind it.

The protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, and its extension for
binary data: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, TooLargeError, brief, quoted
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.service.options import MAX_JSON

INPUTS: Mapping[str, list[int]] = {"image": [-1, -1, -1, 3], "mask": [-1, -1, -1]}
OUTPUT = "result"
DATATYPE = "UINT8"
VERSION = "1"  # of every model
LENGTH = "inference-header-content-length"
MOST_PICTURES = 64  # of a request
STRATEGY = ("strategy", "limit", "margin")
BINARY_OUTPUT = "binary_data_output"
HARMLESS = ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout")  # Triton's clients may send them


@dataclass(frozen=True)
class Asked:
    """images: (N, H, W, 3) uint8, masks: (N, H, W) uint8. binary: whether the result comes as bytes."""

    id: str | None
    images: Array
    masks: Array
    strategy: StrategyOptions
    binary: bool
    ignored: tuple[str, ...]


def asked(body: bytes, length: str | None, hold: Callable[[int, int, int, StrategyOptions], None]) -> Asked:
    """length: the header that says how much of the body is JSON; None: all of it.

    hold: is told N, H, W and the strategy before arrays are made. Raises LamaDeployError.
    """
    if length is not None and (not length.isdecimal() or len(length) > 12 or int(length) > len(body)):
        raise ImageError(f"{LENGTH} is {quoted(length, 40)}; allowed: how many bytes of the body are JSON")
    end = len(body) if length is None else int(length)
    if end > MAX_JSON:
        raise TooLargeError(f"more than {MAX_JSON:,} bytes of JSON; send tensors as binary data behind it")
    request = _object(body[:end])
    parameters = _parameters(request)
    given = _inputs(request, memoryview(body)[end:])
    shapes = {name: _shape(name, one) for name, (one, _) in given.items()}
    _check_shapes(shapes)
    strategy = StrategyOptions(**{name: parameters[name] for name in STRATEGY if name in parameters})
    count, height, width, _ = shapes["image"]
    hold(count, height, width, strategy)
    image, mask = (_array(name, shapes[name], *given[name]) for name in ("image", "mask"))
    return Asked(
        id=_id(request),
        images=image,
        masks=np.broadcast_to(mask, image.shape[:3]),
        strategy=strategy,
        binary=_wants_binary(request, parameters),
        ignored=tuple(name for name in parameters if name in HARMLESS),
    )


def answered(one: Asked, model: str, result: Array) -> tuple[bytes, dict[str, str]]:
    """The body and its headers. result: (N, H, W, 3) uint8."""
    output: dict[str, Any] = {"name": OUTPUT, "datatype": DATATYPE, "shape": list(result.shape)}
    told: dict[str, Any] = {"model_name": model, "model_version": VERSION, "outputs": [output]}
    if one.id is not None:
        told["id"] = one.id
    if not one.binary:
        output["data"] = result.reshape(-1).tolist()
        return json.dumps(told).encode(), {"Content-Type": "application/json"}
    output["parameters"] = {"binary_data_size": result.nbytes}
    head = json.dumps(told).encode()
    return head + result.tobytes(), {"Content-Type": "application/octet-stream", LENGTH.title(): str(len(head))}


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise ImageError(
            f"the body is no JSON ({brief(type(error).__name__)}); allowed: a V2 inference request"
        ) from error
    if not isinstance(found, dict):
        raise ImageError("the body is no JSON object; allowed: a V2 inference request")
    return found


def _listed(request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = request.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ImageError(f"{name} is no list of objects")
    return found


def _of(one: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = one.get(name, {})
    if not isinstance(found, dict):
        raise ImageError(f"{name} is no object")
    return found


def _id(request: Mapping[str, Any]) -> str | None:
    found = request.get("id")
    if found is not None and not isinstance(found, str):
        raise ImageError("id is no string")
    return found


def _parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    found = _of(request, "parameters")
    for name in found:
        if name not in (*STRATEGY, BINARY_OUTPUT, *HARMLESS):
            raise ImageError(f"parameter {quoted(name, 60)} is unknown; known: {', '.join((*STRATEGY, BINARY_OUTPUT))}")
    return found


def _wants_binary(request: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    binary = parameters.get(BINARY_OUTPUT, False)
    for output in _listed(request, "outputs"):
        if output.get("name") != OUTPUT:
            raise ImageError(f"output {quoted(output.get('name'), 60)} is unknown; the only one is {OUTPUT}")
        own = _of(output, "parameters")
        for name in own:
            if name != "binary_data":
                raise ImageError(f"output parameter {quoted(name, 60)} is unknown; known: binary_data")
        binary = own.get("binary_data", binary)
    if not isinstance(binary, bool):
        raise ImageError("binary_data is neither true nor false")
    return binary


def _inputs(request: Mapping[str, Any], binary: memoryview) -> dict[str, tuple[dict[str, Any], memoryview | None]]:
    """By name, each with its bytes; None: its data are in the JSON."""
    found: dict[str, tuple[dict[str, Any], memoryview | None]] = {}
    for one in _listed(request, "inputs"):
        name = one.get("name")
        if not isinstance(name, str) or name not in INPUTS or name in found:
            raise ImageError(f"input {quoted(name, 60)} is unknown or there twice; inputs: {', '.join(INPUTS)}")
        if one.get("datatype") != DATATYPE:
            raise ImageError(f"{name}: datatype is {quoted(one.get('datatype'), 40)}; allowed: {DATATYPE}")
        own, data = _of(one, "parameters"), None
        for parameter in own:
            if parameter != "binary_data_size":
                raise ImageError(f"{name}: parameter {quoted(parameter, 60)} is unknown; known: binary_data_size")
        if own:
            size = own["binary_data_size"]
            if not _is_count(size) or size > len(binary):
                raise ImageError(f"{name}: binary_data_size is {quoted(size, 40)}, and {len(binary):,} bytes are there")
            data, binary = binary[:size], binary[size:]
        found[name] = one, data
    if len(found) < len(INPUTS):
        raise ImageError(f"an input is missing; inputs: {', '.join(INPUTS)}")
    if len(binary):
        raise ImageError(f"{len(binary):,} bytes behind the JSON belong to no input")
    return found


def _shape(name: str, one: Mapping[str, Any]) -> list[int]:
    shape, ranks = one.get("shape"), len(INPUTS[name])
    good = isinstance(shape, list) and len(shape) == ranks and all(_is_count(side) and side > 0 for side in shape)
    if not good or (name == "image" and shape[3] != 3):  # type: ignore[index]
        form = "(N, H, W, 3)" if name == "image" else "(N, H, W)"
        raise ImageError(f"{name}: shape is {brief(shape, 60)}; allowed: {form}")
    return shape  # type: ignore[return-value]


def _check_shapes(shapes: Mapping[str, Sequence[int]]) -> None:
    (count, *size, _), (masks, *mask_size) = shapes["image"], shapes["mask"]
    if size != mask_size or masks not in (1, count):
        raise ImageError(
            f"the mask is {brief(shapes['mask'], 60)}, the image {brief(shapes['image'], 60)}; both must have the same "
            "size, and as many masks as images, or one"
        )
    if count > MOST_PICTURES:
        raise TooLargeError(f"{count:,} pictures in a request; allowed: {MOST_PICTURES}")


def _array(name: str, shape: Sequence[int], one: Mapping[str, Any], data: memoryview | None) -> Array:
    if data is not None:
        if len(data) != math.prod(shape):
            raise ImageError(
                f"{name}: {len(data):,} bytes for shape {brief(shape, 60)}, which has {math.prod(shape):,}"
            )
        return np.frombuffer(data, np.uint8).reshape(shape)
    try:
        found = np.array(one["data"])
    except (KeyError, ValueError, OverflowError, RecursionError) as error:
        raise ImageError(f"{name}: there are no data, or lists of different lengths") from error
    if found.dtype.kind not in "iu" or found.size != math.prod(shape) or found.min() < 0 or found.max() > 255:
        raise ImageError(f"{name}: data are not {math.prod(shape):,} integers from 0 to 255, as its shape has")
    return found.astype(np.uint8).reshape(shape)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
