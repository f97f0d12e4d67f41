"""What every request passes: its id, who may ask, what is accepted, deadlines, clients that go, logs and counts."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Any

from lama_deploy.service.logs import Log
from lama_deploy.service.refusals import GONE, TOO_LATE, RefusedError, refused
from lama_deploy.service.service import Service
from lama_deploy.service.sites import check_host, check_origin

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
CHUNK = 256 * 1024  # of an answer: the next is sent when the client has read most of the last
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
# For pages, and harmless elsewhere: nothing is loaded from elsewhere, and threads of WASM may share memory.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' "
    "blob:; img-src 'self' blob:; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """The outermost layer of the application. It answers errors, and nothing that an app raises gets past it."""

    def __init__(
        self, app: App, service: Service, log: Log, route_of: Callable[[Scope], str], is_open: Callable[[Scope], bool]
    ) -> None:
        """route_of: a request's route, one of few. is_open: whether it needs no token."""
        self._app, self._service, self._log = app, service, log
        self._route_of, self._is_open = route_of, is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start = monotonic()
        call = _Call(self._service, scope, receive, send, start + self._service.options.deadline)
        try:
            self._check(scope, call)
            await call.run(self._app)
        except Exception as error:
            if not isinstance(error, RefusedError):
                self._log.failure(call.id, error)
            await call.refuse(refused(error))
        finally:
            call.leave()
            self._told(scope, call, monotonic() - start)

    def _check(self, scope: Scope, call: _Call) -> None:
        """Raises RefusedError."""
        options = self._service.options
        check_host(call.headers, options)
        if options.token is not None and not self._is_open(scope) and not _has_token(call.headers, options.token):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "a token is needed: the header Authorization: Bearer TOKEN")
        if scope["method"] != "POST":
            return
        check_origin(call.headers, options)
        call.enter()

    def _told(self, scope: Scope, call: _Call, seconds: float) -> None:
        route = self._route_of(scope)
        self._service.metrics.request(route, call.status, seconds)
        order = scope.get("lama.order")
        facts: dict[str, Any] = {"id": call.id, "method": scope["method"], "route": route, "status": call.status}
        facts |= {"seconds": round(seconds, 4), "bytes_in": call.received, "bytes_out": call.sent}
        if order is not None:
            facts |= {"model": order.model, "pixels": order.pixels}
            facts |= {name: round(value, 4) for name, value in order.seconds.items()}
        self._log.request(facts)


class _Call:
    """One request and its answer."""

    def __init__(self, service: Service, scope: Scope, receive: Receive, send: Send, until: float) -> None:
        self._service, self._scope, self._receive, self._send = service, scope, receive, send
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = self.headers.get("x-request-id", "")
        self.id = given if ID.fullmatch(given) else secrets.token_hex(8)
        self.status, self.received, self.sent = GONE, 0, 0
        self._held, self._accepted, self._started = 0, False, False
        self._complete = scope["method"] in WITHOUT_BODY
        self._until, self._empty, self._finished, self._read = until, True, False, asyncio.Event()
        self._ended: asyncio.Future[RefusedError] = asyncio.get_running_loop().create_future()
        scope["lama.until"] = until

    def enter(self) -> None:
        """Accepted, with the body that it says it has. Raises RefusedError."""
        length = int(self.headers.get("content-length") or 0)
        self._service.enter(length)
        self._accepted, self._held = True, length

    def leave(self) -> None:
        if self._accepted:
            self._service.leave(self._held)

    async def run(self, app: App) -> None:
        """The app's answer. Raises RefusedError where the client goes, the body grows too long or time runs out."""
        task: asyncio.Future[Any] = asyncio.ensure_future(app(self._scope, self._incoming, self._answer))
        gone: asyncio.Future[Any] = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait({task, self._ended}, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED)
            if self._started and not task.done() and not self._ended.done():  # the client still reads
                more = self._service.options.deadline
                await asyncio.wait({task, self._ended}, timeout=more, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._ended.result() if self._ended.done() else self._too_late()
        finally:
            for one in (task, gone):
                one.cancel()
            await asyncio.wait({task, gone})
            if task.done() and not task.cancelled():
                task.exception()  # so that nobody warns that it was not looked at

    def _left(self) -> float:
        return max(0.0, self._until - monotonic())

    def _too_late(self) -> RefusedError:
        if self._complete:
            return RefusedError(HTTPStatus.GATEWAY_TIMEOUT, TOO_LATE)
        return RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the request's body did not come within the server's deadline")

    async def _watch(self) -> None:
        """Ends the call when the client goes, once its body is read; before that the app hears of it."""
        if self._scope["method"] not in WITHOUT_BODY:
            await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(RefusedError(GONE, "the client has gone"))

    def _end(self, why: RefusedError) -> None:
        if not self._ended.done() and not self._finished:
            self._ended.set_result(why)

    async def _incoming(self) -> Message:
        """As ASGI's receive, counted."""
        if self._complete:
            if self._empty:
                self._empty = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.shield(self._ended)
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._end(RefusedError(GONE, "the client has gone"))
            return message
        self.received += len(message.get("body", b""))
        try:
            self._count()
        except RefusedError as error:
            self._end(error)
            await asyncio.Event().wait()  # until the app is cancelled
        if not message.get("more_body"):
            self._complete = True
            self._read.set()
        return message

    def _count(self) -> None:
        """Raises RefusedError where more has come than may."""
        self._service.check_length(self.received)
        if self._accepted and self.received > self._held:
            self._service.hold_body(self.received - self._held)
            self._held = self.received

    async def _answer(self, message: Message) -> None:
        """As ASGI's send, in pieces, with what every answer has."""
        if self._ended.done():
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self._started, self.status = True, message["status"]
            message["headers"] = [*message.get("headers", ()), *self._own_headers()]
            await self._send(message)
            return
        body, more = memoryview(message.get("body", b"")), message.get("more_body", False)
        for at in range(0, max(1, len(body)), CHUNK):
            piece, last = bytes(body[at : at + CHUNK]), at + CHUNK >= len(body) and not more
            self.sent += len(piece)
            self._finished = last  # from here on the server says that the client has gone
            await self._send({"type": "http.response.body", "body": piece, "more_body": not last})

    def _own_headers(self) -> Iterable[tuple[bytes, bytes]]:
        own = {"X-Request-Id": self.id, **HEADERS}
        if self._scope["method"] == "POST":
            own["Cache-Control"] = "no-store"
        return [(name.lower().encode(), value.encode()) for name, value in own.items()]

    async def refuse(self, error: RefusedError) -> None:
        """The answer, if there is still somebody to be answered."""
        if self._started or error.status == GONE:
            self.status = error.status
            return
        body = json.dumps({"error": str(error)}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **error.headers}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        self._ended = asyncio.get_running_loop().create_future()
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        with suppress(OSError):
            await self._answer({"type": "http.response.start", "status": error.status, "headers": raw})
            await self._answer({"type": "http.response.body", "body": body})


def _has_token(headers: MutableMapping[str, str], token: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
