"""What is made of a whole bundle: folders that browsers and servers take."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.errors import ConfigError, LamaDeployError, brief
from lama_deploy.overwriting import taken
from lama_deploy.temporaries import temporary_folder

Writer = Callable[[Path, Path, argparse.Namespace], None]
Check = Callable[[argparse.Namespace, str], None]
OF_ANY = ("bundle", "to", "out", "verbose", "quiet")  # what goes with --from besides a packaging's own


def _check_web(args: argparse.Namespace, target: str) -> None:
    from lama_export.web.ort_files import ort_folder

    ort_folder(args.runtime)


def _check_triton(args: argparse.Namespace, target: str) -> None:
    from lama_export.triton.repository import check_target, check_wishes

    backend, name, instances = _of_triton(args)
    check_wishes(backend, name, instances, args.max_batch, args.triton_library)
    check_target(backend, target, f"--to triton with --weights exports for {target}")


def _of_triton(args: argparse.Namespace) -> tuple[str, str, int]:
    """Backend, name and instances."""
    name, instances = args.model_name, args.instances
    return args.triton_backend or "native", "lama" if name is None else name, 1 if instances is None else instances


def _write_web(bundle: Path, out: Path, args: argparse.Namespace) -> None:
    from lama_export.web.site import write_site

    write_site(bundle, out, runtime=args.runtime)


def _write_triton(bundle: Path, out: Path, args: argparse.Namespace) -> None:
    from lama_export.triton.repository import write_repository

    backend, name, instances = _of_triton(args)
    write_repository(
        bundle, out, backend=backend, name=name, instances=instances, batch=args.max_batch, library=args.triton_library
    )


@dataclass(frozen=True)
class Packaging:
    """target: of the bundle that weights are exported to for it. write: fills an empty folder of a bundle.

    check: what can be known before an export, told the target of the bundle; raises LamaDeployError.
    options: of lama-export that are for it alone. next: what can be done with it; "{}" is the folder, quoted.
    """

    target: str
    write: Writer
    check: Check
    options: tuple[str, ...]
    next: str


PACKAGINGS: Mapping[str, Packaging] = {
    "web": Packaging(
        "onnx", _write_web, _check_web, ("runtime",), "python -m http.server --bind 127.0.0.1 --directory {}"
    ),
    "triton": Packaging(
        "onnx",
        _write_triton,
        _check_triton,
        ("triton_backend", "triton_library", "model_name", "instances", "max_batch"),
        "tritonserver --model-repository={}",
    ),
}


def add_packaging_arguments(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("folders made of a bundle")
    group.add_argument(
        "--runtime",
        type=Path,
        metavar="DIR",
        help="Take onnxruntime-web's files for --to web from this folder, such as node_modules/onnxruntime-web/dist "
        "(default: as npm fetches them, once).",
    )
    group.add_argument(
        "--triton-backend",
        choices=["native", "python", "onnxruntime", "tensorrt_plan"],
        help="Let this backend of Triton compute for --to triton: our own in C++ (native, the default), the package in "
        "the server's Python, or one that comes with Triton and takes no strategies.",
    )
    group.add_argument(
        "--triton-library",
        type=Path,
        metavar="FILE",
        help="Take the native backend from this libtriton_lama.so (default: it is compiled here).",
    )
    group.add_argument("--model-name", metavar="NAME", help="Name the model so for Triton's clients (default: lama).")
    group.add_argument(
        "--instances",
        type=int,
        metavar="N",
        help="Let Triton compute N requests at the same time, which share the CPU's threads (default: 1).",
    )
    group.add_argument(
        "--max-batch",
        type=int,
        metavar="N",
        help="Let Triton put up to N pictures of one size together (default: on the CPU none, since they would "
        "run one after the other there; on the GPU what the engine takes).",
    )


def check_packaging(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raises LamaDeployError for options that are for other targets or for an export, and what a packaging refuses."""
    if args.bundle is not None and args.to not in PACKAGINGS:
        raise ConfigError(f"--from is for --to {', '.join(PACKAGINGS)}; --to {args.to} exports --weights")
    own = PACKAGINGS[args.to].options if args.to in PACKAGINGS else ()
    for name in {option for one in PACKAGINGS.values() for option in one.options}.difference(own):
        if getattr(args, name) is not None:
            takes = ", ".join(to for to, one in PACKAGINGS.items() if name in one.options)
            raise ConfigError(f"--{name.replace('_', '-')} is for --to {takes}; leave it out with --to {args.to}")
    if args.bundle is not None:
        _refuse_options_of_exports(args, parser, own)
    elif args.to in PACKAGINGS:
        PACKAGINGS[args.to].check(args, PACKAGINGS[args.to].target)


def _refuse_options_of_exports(args: argparse.Namespace, parser: argparse.ArgumentParser, own: Sequence[str]) -> None:
    for action in parser._actions:
        given = getattr(args, action.dest, action.default)
        if action.dest not in (*OF_ANY, *own) and given != action.default:
            raise ConfigError(
                f"{action.option_strings[-1]} is of an export, and --from takes a bundle as it is; leave it out, or "
                "export with --weights"
            )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """An empty folder that becomes `out` when the block succeeds, and vanishes otherwise. Nothing is ever replaced.

    Raises LamaDeployError.
    """
    if out.is_symlink() or out.is_file() or taken([out]):
        raise LamaDeployError(f"{brief(os.fspath(out))}: is there already; give a new or an empty folder with --out")
    place = out.absolute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(place.parent) as building:
            yield building
            building.chmod(0o755)
            building.rename(place)  # an empty folder is replaced by it
    except OSError as error:
        reason = brief(error.strerror or error)
        raise LamaDeployError(f"{brief(os.fspath(out))}: cannot be written ({reason}); give another --out") from error
