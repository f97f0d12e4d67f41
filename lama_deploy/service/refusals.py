"""What a request ends with where it gets no picture: a status of HTTP and one line."""

from __future__ import annotations

from http import HTTPStatus

from lama_deploy.errors import DeviceMemoryError, EngineError, LamaDeployError, TooLargeError, brief, one_line
from lama_deploy.images.opening import RAISE_IT
from lama_deploy.service.budget import NoLongerWantedError

GONE = 499  # nginx's word for a client that did not wait; nobody reads it but logs and metrics
TOO_LATE = (
    "not done within the server's deadline; send it again when there is less to do, or make the picture or its hole "
    "smaller"
)
THE_LIMIT = "the server's --max-pixels"
NO_MEMORY = "the server has not the memory for this picture; make it smaller, or leave strategy out"


class RefusedError(LamaDeployError):
    """A request that is answered by `status` and a line. retry_after: seconds after which it may be sent again."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = int(status), retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def refused(error: BaseException) -> RefusedError:
    """Any error of a request as what it is answered by."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, NoLongerWantedError):
        return RefusedError(HTTPStatus.GATEWAY_TIMEOUT, TOO_LATE)
    if isinstance(error, TooLargeError):  # whose limit is not the client's to raise
        said = str(error).replace(RAISE_IT, f", {THE_LIMIT}").replace("by --max-pixels", f"by {THE_LIMIT}")
        return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, one_line(said))
    if isinstance(error, DeviceMemoryError):
        return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, one_line(error))
    if isinstance(error, MemoryError):
        return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, NO_MEMORY)
    if isinstance(error, EngineError):
        return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, one_line(error))
    if isinstance(error, LamaDeployError):
        return RefusedError(HTTPStatus.BAD_REQUEST, one_line(error))
    return RefusedError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"failed unexpectedly ({brief(type(error).__name__)}); the server's log says where",
    )
