"""lama-serve: models behind HTTP, and the page to paint on."""

from __future__ import annotations

import argparse
import math
import os
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.common import add_running_options, command, command_parser, few, positive
from lama_deploy.cli.notes import notes_told_by
from lama_deploy.cli.signals import Signalled, postponed
from lama_deploy.cli.throughput_options import MOST_STREAMS, usual_streams
from lama_deploy.cli.verbosity import note
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.opening import MAX_PIXELS
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import BACKENDS
from lama_deploy.service.options import ServiceOptions
from lama_deploy.service.site import site_folder

TOKEN = "LAMA_SERVE_TOKEN"  # of the environment
MOST_PORT = 65535
MOST_QUEUE = 10_000
MOST_SECONDS = 86_400.0


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-serve",
        "Serve models over HTTP: pictures in and out, the V2 inference protocol of KServe and Triton, IOPaint's API, "
        "and a page to paint holes on. When it is interrupted or terminated, it ends once what it has accepted is "
        "done; a second signal ends it at once.",
    )
    p.add_argument(
        "models",
        metavar="[NAME=]BUNDLE",
        nargs="*",
        default=[DEMO],
        help=f"Serve these bundles, .onnx files, checkpoints or names, the first by default (default: {DEMO}).",
    )
    _add_address(p)
    _add_limits(p)
    p.add_argument(
        "--streams",
        type=few,
        metavar="N",
        help=f"Compute N pictures at the same time with each model (default: up to {MOST_STREAMS} in onnxruntime, else "
        "1).",
    )
    p.add_argument(
        "--no-check",
        action="store_true",
        help="Open a bundle even where its files are not those that its bundle.json names.",
    )
    add_running_options(p, BACKENDS, "Run the models with this backend (default: the one that fits each).")
    return p


def _add_address(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("who may ask")
    group.add_argument(
        "--host", default="127.0.0.1", help="Listen at this address (default: 127.0.0.1, this machine alone)."
    )
    group.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="Listen at this port, 0 for any (default: 8000)."
    )
    group.add_argument(
        "--token",
        type=Path,
        metavar="FILE",
        help=f"Ask for the token that this file holds, as Authorization: Bearer TOKEN (default: what {TOKEN} in the "
        "environment holds, if that is set).",
    )
    group.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="Let pages of this site ask, such as https://example.org; * for all. May be given several times.",
    )
    group.add_argument("--no-page", action="store_true", help="Serve no page, only the interfaces of programs.")
    group.add_argument(
        "--log", choices=("text", "json"), default="text", help="Write a line for each request so (default: text)."
    )


def _add_limits(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("limits")
    usual = ServiceOptions()
    group.add_argument(
        "--max-bytes",
        type=positive,
        default=usual.max_bytes,
        metavar="N",
        help=f"Refuse requests of more than N bytes (default: {usual.max_bytes:,}).",
    )
    group.add_argument(
        "--max-pixels",
        type=positive,
        default=MAX_PIXELS,
        metavar="N",
        help=f"Refuse pictures of more than N pixels, before they are decoded (default: {MAX_PIXELS:,}).",
    )
    group.add_argument(
        "--queue",
        type=_queue,
        default=usual.queue,
        metavar="N",
        help=f"Accept N requests at a time, and tell further ones when to come again (default: {usual.queue}).",
    )
    group.add_argument(
        "--batch",
        type=few,
        metavar="N",
        help="Give the engine up to N pictures of one size together (default: as many as it runs better so, which is 1 "
        "for engines on a CPU).",
    )
    group.add_argument(
        "--batch-wait",
        type=_milliseconds,
        default=0.0,
        metavar="MS",
        help="Wait so many milliseconds for more pictures of a batch (default: 0, take what is there).",
    )
    group.add_argument(
        "--deadline",
        type=_seconds,
        default=usual.deadline,
        metavar="S",
        help=f"Give up a request that is not answered after S seconds (default: {usual.deadline:g}).",
    )


@command("serve")
def main() -> int:
    args = parser().parse_args()
    options = _options(args)
    from lama_deploy.service.app import application
    from lama_deploy.service.logs import Log
    from lama_deploy.service.models import names_of
    from lama_deploy.service.server import bound_socket, serve
    from lama_deploy.service.service import Service

    sources = names_of(args.models)
    with bound_socket(args.host, args.port) as bound:
        options = replace(options, local=ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback)
        _warn(options, bound.getsockname()[0])
        opened = {name: (source, _inpainter(source, args)) for name, source in sources.items()}
        service, log = Service(opened, options), Log(args.log)
        bound.listen()  # before it is told: who reads the line may ask at once
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"serving {', '.join(opened)} at http://{shown}:{port}", flush=True)
        with postponed() as asked, notes_told_by(log.note):
            number = serve(application(service, log), service, log, bound, asked)
    raise Signalled(number)


def _options(args: argparse.Namespace) -> ServiceOptions:
    """Raises LamaDeployError."""
    for origin in args.allow_origin:
        if origin != "*" and not origin.startswith(("http://", "https://")):
            raise LamaDeployError(f"--allow-origin {brief(origin)}: allowed: a site such as https://example.org, or *")
    page = None if args.no_page else site_folder()
    if page is None and not args.no_page:
        note("the page is not installed, so that only programs are served; --no-page says so without this line")
    return ServiceOptions(
        token=_token(args.token),
        origins=tuple(args.allow_origin),
        max_bytes=args.max_bytes,
        max_pixels=args.max_pixels,
        queue=args.queue,
        deadline=args.deadline,
        batch=args.batch,
        batch_wait=args.batch_wait,
        page=page,
    )


def _token(file: Path | None) -> str | None:
    """Raises LamaDeployError for a token that no header can carry."""
    if file is None:
        token, where = os.environ.get(TOKEN), TOKEN
        if token is None:
            return None
    else:
        token, where = _written(file), brief(str(file))
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise LamaDeployError(f"{where} holds no token; allowed: printable ASCII without spaces")
    return token


def _written(file: Path) -> str:
    """Raises LamaDeployError."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        raise LamaDeployError(
            f"--token {brief(str(file))}: cannot be read ({brief(error.strerror or error)}); write the token into "
            f"a file and name that, or leave --token out and set {TOKEN}"
        ) from error


def _warn(options: ServiceOptions, host: str) -> None:
    if options.token is None and not options.local:
        note(f"other machines may use this service, since it listens at {host}; --token FILE asks them for a token")


def _inpainter(source: str, args: argparse.Namespace) -> Inpainter:
    if source == DEMO:
        note(DEMO_NOTE)
    streams = args.streams or usual_streams(source, args)
    own: dict[str, Any] = {"streams": streams, "precision": args.precision}
    own = {name: value for name, value in own.items() if value is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    return Inpainter.load(source, **own)


def _port(text: str) -> int:
    """argparse's type."""
    if not text.isdecimal() or len(text) > 5 or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no port, 0 to {MOST_PORT}")
    return int(text)


def _queue(text: str) -> int:
    """argparse's type."""
    if positive(text) > MOST_QUEUE:
        raise argparse.ArgumentTypeError(f"{brief(text)} is more than {MOST_QUEUE:,}")
    return int(text)


def _seconds(text: str) -> float:
    """argparse's type."""
    seconds = _number(text)
    if not 0 < seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{brief(repr(text))} is no number of seconds above 0, up to {MOST_SECONDS:,.0f}"
        )
    return seconds


def _milliseconds(text: str) -> float:
    """argparse's type; in seconds."""
    milliseconds = _number(text)
    if not 0 <= milliseconds <= 60_000:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no number of milliseconds, 0 to 60,000")
    return milliseconds / 1000


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


if __name__ == "__main__":
    sys.exit(main())
