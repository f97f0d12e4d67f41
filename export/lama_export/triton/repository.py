"""A folder that `tritonserver --model-repository` takes: one model, its bundle, and what computes it."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.bundle import ENGINE, MANIFEST, MODEL, Bundle, load_bundle
from lama_deploy.errors import BundleError, ConfigError, brief
from lama_export.triton.config import GPU_TARGETS, own_config, standard_config
from lama_export.triton.native import NATIVE_TARGETS, check_library, write_native

log = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
MOST = 1024  # instances, and pictures of a batch
VERSION = "1"
PYTHON_MODEL = Path(__file__).parent / "files" / "model.py"


@dataclass(frozen=True)
class _Model:
    """folder: of the model, as yet empty. batch: pictures that Triton puts together; None: as suits the bundle.

    library: of the native backend; None: compiled here.
    """

    bundle: Path
    described: Bundle
    folder: Path
    name: str
    instances: int
    batch: int | None
    library: Path | None

    @property
    def version(self) -> Path:
        return self.folder / VERSION


def write_repository(
    bundle: Path,
    out: Path,
    *,
    backend: str = "native",
    name: str = "lama",
    instances: int = 1,
    batch: int | None = None,
    library: Path | None = None,
) -> None:
    """Fills the empty folder `out` with the model `name`.

    backend: "native", libtriton_lama.so, which is compiled here; "python", by Inpainter in the server's Python;
    "onnxruntime" and "tensorrt_plan", which come with Triton and take the model as it is, with its sizes and no
    strategies. instances: pictures computed at the same time, 1 to 1024. batch: pictures of one size that Triton may
    put together, 0 to 1024, for the first two; None: none on the CPU, and on the GPU what the engine takes.
    library: a libtriton_lama.so for "native"; None: it is compiled here.
    Raises LamaDeployError, also for a bundle that the backend cannot run.
    """
    check_wishes(backend, name, instances, batch, library)
    described = load_bundle(bundle)
    check_target(backend, described.target, f"{brief(str(bundle))}: is for {described.target}")
    model = _Model(bundle, described, out / name, name, instances, batch, library)
    model.version.mkdir(parents=True)
    (model.folder / "config.pbtxt").write_text(WRITERS[backend].write(model), encoding="utf-8")


def check_target(backend: str, target: str, given: str) -> None:
    """Raises BundleError where the backend takes no bundles for this target. given: whose it is, in words."""
    takes = WRITERS[backend].targets
    if target not in takes:
        raise BundleError(
            f"{given}, and the backend {backend} takes bundles for {', '.join(takes)}; export one and give it by "
            "--from, or give another --triton-backend"
        )


def check_wishes(backend: str, name: str, instances: int, batch: int | None, library: Path | None) -> None:
    """As `write_repository`. Raises ConfigError, and LamaDeployError for a library that is none."""
    if backend not in WRITERS:
        raise ConfigError(f"--triton-backend is {brief(backend)}; allowed: {', '.join(WRITERS)}")
    if not NAME.fullmatch(name):
        raise ConfigError(f"--model-name is {brief(name)}; allowed: letters, digits, _, . and -, 1 to 100 of them")
    if not 1 <= instances <= MOST:
        raise ConfigError(f"--instances is {instances}; allowed: 1 to {MOST}")
    if batch is not None and not 0 <= batch <= MOST:
        raise ConfigError(f"--max-batch is {batch}; allowed: 0 to {MOST}")
    if batch is not None and backend not in ("native", "python"):
        raise ConfigError(f"--max-batch is for the backends native and python; leave it out with {backend}")
    if library is not None and backend != "native":
        raise ConfigError(f"--triton-library is for the backend native; leave it out with {backend}")
    if library is not None:
        check_library(library)


def _native(model: _Model) -> str:
    _copy_bundle(model)
    write_native(model.described, model.folder, model.library)
    return _own(model, "lama")


def _python(model: _Model) -> str:
    _copy_bundle(model)
    shutil.copyfile(PYTHON_MODEL, model.version / "model.py")
    return _own(model, "python")


def _own(model: _Model, backend: str) -> str:
    batch = model.batch
    if batch is None:
        is_on_gpu = model.described.target in GPU_TARGETS
        batch = int(model.described.engine["batch"]["max"]) if is_on_gpu else 0
    return own_config(model.described, model.name, backend, model.instances, batch)


def _onnxruntime(model: _Model) -> str:
    shutil.copyfile(model.bundle / MODEL, model.version / MODEL)
    for beside in sorted(set(model.described.files) - {MODEL}):  # weights of a model of more than 2 GB
        shutil.copyfile(model.bundle / beside, model.version / beside)
    return standard_config(model.described, model.name, 'backend: "onnxruntime"', MODEL, model.instances)


def _tensorrt_plan(model: _Model) -> str:
    file = "model.plan"
    shutil.copyfile(model.bundle / ENGINE, model.version / file)
    plugin = (model.described.engine.get("plugin") or {}).get("file")
    if plugin:
        shutil.copyfile(model.bundle / plugin, model.version / plugin)
        log.warning(
            "the engine needs its plugin: start the server with --backend-config=tensorrt,plugins=%s",
            f"<repository>/{model.name}/{VERSION}/{plugin}",
        )
    return standard_config(model.described, model.name, 'platform: "tensorrt_plan"', file, model.instances)


def _copy_bundle(model: _Model) -> None:
    for name in (MANIFEST, *model.described.files):
        place = model.version / "bundle" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.bundle / name, place)


@dataclass(frozen=True)
class _Writer:
    """targets: of bundles that it takes. write: the files besides config.pbtxt, whose text it returns."""

    targets: tuple[str, ...]
    write: Callable[[_Model], str]


ANY_TARGET = ("onnx", "openvino", "trt", "trt-rtx", "mnn", "litert", "ncnn", "torchscript")
WRITERS: Mapping[str, _Writer] = {
    "native": _Writer(NATIVE_TARGETS, _native),
    "python": _Writer(ANY_TARGET, _python),
    "onnxruntime": _Writer(("onnx",), _onnxruntime),
    "tensorrt_plan": _Writer(("trt",), _tensorrt_plan),
}
