"""What routes answer, as OpenAPI has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lama_deploy.service.pictures import TYPES

ERRORS = {
    400: "What is wrong with the input.",
    401: "A token is needed.",
    403: "A page of another site asks, and may not.",
    404: "There is no such model.",
    408: "The request's body did not come in time.",
    413: "Too many bytes or pixels.",
    415: "The body is of another kind than it must be.",
    429: "The queue is full; Retry-After tells when to ask again.",
    500: "The engine failed, or the server has an error of its own.",
    503: "The server is shutting down.",
    504: "The deadline has passed.",
}
ERROR_SCHEMA = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
OF_WORK = (400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504)
HEADERS = {
    "X-Lama-Plan": {"description": "How the picture was filled.", "schema": {"type": "string"}},
    "X-Lama-Notes": {"description": "What was changed, lost or doubted, a list in JSON.", "schema": {"type": "string"}},
    "Server-Timing": {"description": "Milliseconds by stage.", "schema": {"type": "string"}},
}


def errors(statuses: Iterable[int] = OF_WORK) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"description": ERRORS[status], "content": {"application/json": {"schema": ERROR_SCHEMA}}}
        for status in statuses
    }


def picture_answers() -> dict[int | str, dict[str, Any]]:
    """Of a route that answers with a picture."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    picture = {"description": "The picture.", "content": dict.fromkeys(TYPES.values(), binary), "headers": HEADERS}
    return {200: picture, **errors()}
