"""`config.pbtxt`: what Triton knows of a model, as text that people edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lama_deploy.bundle import Bundle
from lama_deploy.errors import BundleError

GPU_TARGETS = ("trt", "trt-rtx")
WARM_SIDE = 512  # pixels of the picture that is computed before a model is ready
TYPES = {"uint8": "TYPE_UINT8", "float32": "TYPE_FP32"}
IMAGE, MASK, RESULT = "image", "mask", "result"
Tensor = tuple[str, Sequence[int]]  # Triton's type, and sides with -1 for any
OURS: Mapping[str, Tensor] = {
    IMAGE: ("TYPE_UINT8", (-1, -1, -1, 3)),
    MASK: ("TYPE_UINT8", (-1, -1, -1)),
    RESULT: ("TYPE_UINT8", (-1, -1, -1, 3)),
}
MAY_STAND = {
    "lama": "strategy, warm_up, limit, margin, threads, streams, memory, engine, plugin, graphs, cache, precision",
    "python": "strategy, warm_up, limit, margin, and options of Inpainter.load such as threads",
}


def own_config(bundle: Bundle, name: str, backend: str, instances: int, batch: int) -> str:
    """For `backend` "lama" or "python", which take uint8 pictures of any size, whatever the bundle takes.

    batch: how many pictures of one size Triton may put together; 0: none, and requests have any number of them.
    """
    _, height, width = bundle.fixed_shape or (1, WARM_SIDE, WARM_SIDE)
    kind = "KIND_GPU" if bundle.target in GPU_TARGETS else "KIND_CPU"
    lines = [
        *_head(name, f'backend: "{backend}"', OURS, batch),
        f"instance_group [ {{ kind: {kind} count: {instances} }} ]",
        f"# What may stand here: {MAY_STAND[backend]}.",
        "# warm_up is computed before the model is ready: widths x heights of what comes, such as 512x512 1920x1080.",
        *_parameters({"strategy": "auto", "warm_up": f"{width}x{height}"}),
    ]
    return "\n".join([*lines, ""])


def standard_config(bundle: Bundle, name: str, platform: str, file: str, instances: int) -> str:
    """For a backend that comes with Triton and takes what the model itself takes. Raises BundleError."""
    tensors = {key: _tensor(key, value) for key, value in (bundle.inputs | bundle.outputs).items()}
    kind = "KIND_GPU" if bundle.target in GPU_TARGETS else "KIND_CPU"
    profiles = [f'"{index}"' for index in range(len(bundle.engine.get("profiles", [])))]
    chosen = f" profile: [ {', '.join(profiles)} ]" if profiles else ""
    lines = [
        *_head(name, platform, tensors, 0),
        f'default_model_filename: "{file}"',
        f"instance_group [ {{ kind: {kind} count: {instances}{chosen} }} ]",
    ]
    return "\n".join([*lines, ""])


def _tensor(key: str, value: Mapping[str, object]) -> Tensor:
    dtype, shape = value.get("dtype"), value.get("shape")
    if dtype not in TYPES or not isinstance(shape, list):
        raise BundleError(f"bundle.json does not say what {key} is; export the bundle again")
    return TYPES[str(dtype)], [side if isinstance(side, int) else -1 for side in shape]


def _head(name: str, backend: str, tensors: Mapping[str, Tensor], batch: int) -> Iterator[str]:
    yield "# Written by lama-export. Pictures are RGB; above 0 in the mask is hole."
    yield f'name: "{name}"'
    yield backend
    yield f"max_batch_size: {batch}"
    outputs = {RESULT}
    for field, keys in (("input", [*tensors.keys() - outputs]), ("output", [*tensors.keys() & outputs])):
        listed = (_declared(key, tensors[key], batch) for key in sorted(keys))
        yield f"{field} ["
        yield ",\n".join(listed)
        yield "]"
    if batch:
        yield "# Pictures of one size that wait are computed together."
        yield "dynamic_batching { }"


def _declared(key: str, tensor: Tensor, batch: int) -> str:
    kind, dims = tensor
    return f'  {{ name: "{key}" data_type: {kind} dims: {_sides(dims[1:] if batch else dims)} }}'


def _sides(sides: Iterable[int]) -> str:
    return f"[ {', '.join(map(str, sides))} ]"


def _parameters(values: Mapping[str, str]) -> list[str]:
    return [f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}' for key, value in values.items()]
