"""Runs the service on a socket until it is asked to end, and then until what it has accepted is done."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.opening import pillow_limit_lifted, pillow_quiet
from lama_deploy.service.gate import App
from lama_deploy.service.logs import Log
from lama_deploy.service.service import Service

HEADERS_WITHIN = 20.0  # seconds in which a connection has to send a request's headers
OTHER = "other"  # the route of what has none
NO_HTTP = "this is no HTTP/1.1 request: a line, a header or a length in it is not valid, or its head is too long"
KEPT_ALIVE = 30  # seconds between the requests of a connection
MOST_HEADERS = 32 * 1024  # bytes of a head that is not whole yet; one that comes whole in a single read may be longer
OFTEN = 0.05  # seconds between two looks whether it is asked to end


def bound_socket(host: str, port: int) -> socket.socket:
    """Raises LamaDeployError where the address cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        return bound
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LamaDeployError(
            f"cannot listen on {brief(host)}:{port} ({brief(reason)}); give another --port, 0 for any, or --host"
        ) from error


def serve(app: App, service: Service, log: Log, bound: socket.socket, asked: Callable[[], int | None]) -> int:
    """The number of the signal that ended it. asked: gives that number once there is one."""
    config = uvicorn.Config(
        app, http=_protocol(service, log), ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=KEPT_ALIVE, h11_max_incomplete_event_size=MOST_HEADERS,
        timeout_graceful_shutdown=int(service.options.deadline) + 1,
    )  # fmt: skip
    with pillow_limit_lifted(), pillow_quiet(), _quiet(), bound:
        try:
            return asyncio.run(_served(_Server(config), service, log, bound, asked))
        finally:
            service.close()


async def _served(
    server: uvicorn.Server, service: Service, log: Log, bound: socket.socket, asked: Callable[[], int | None]
) -> int:
    running = asyncio.ensure_future(server.serve([bound]))
    while (number := asked()) is None and not running.done():
        await asyncio.sleep(OFTEN)
    service.closing = True
    log.event("stopping", unfinished=service.accepted)
    while service.accepted:
        await asyncio.sleep(OFTEN)
    server.should_exit = True
    await running
    log.event("stopped")
    return number or 0


class _Server(uvicorn.Server):
    """Signals are the command's."""

    def capture_signals(self) -> Any:
        return nullcontext()


class _Protocol(H11Protocol):
    """Ends connections that send no request, or its head or what nobody reads of its body so slowly."""

    service: Service
    log: Log
    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """As all of the service's errors; what is no HTTP comes to no application."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            own_id, status = secrets.token_hex(8), 400
            body = json.dumps({"error": NO_HTTP}).encode()
            headers = {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "X-Request-Id": own_id,
                "Connection": "close",
            }
            head = h11.Response(status_code=status, reason="Bad Request", headers=list(headers.items()))
            self.service.metrics.request(OTHER, status, 0.0)
            self.log.request({"id": own_id, "method": "?", "route": OTHER, "status": status, "bytes_out": len(body)})
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait_or_not(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._impatience is None:
            self._impatience = self.loop.call_later(HEADERS_WITHIN, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None


def _protocol(service: Service, log: Log) -> type[_Protocol]:
    """With what uvicorn does not hand on to it."""
    return type("Protocol", (_Protocol,), {"service": service, "log": log})


@contextmanager
def _quiet() -> Iterator[None]:
    """The log has a line of its own for what uvicorn would say."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "python_multipart", "multipart")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
