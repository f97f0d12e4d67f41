"""Whether a page of another site asks: a browser asks for any page, also a service of its machine alone."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from lama_deploy.service.options import ServiceOptions
from lama_deploy.service.refusals import RefusedError


def check_host(headers: Mapping[str, str], options: ServiceOptions) -> None:
    """Raises RefusedError where a name that is not this machine's leads here, as a hostile site's may be made to.

    Without a token alone: a page of such a name has none. headers: by their names in lower case.
    """
    host = headers.get("host", "")
    if options.local and options.token is None and host and not _is_loopback(host):
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "this service answers to localhost and 127.0.0.1 alone; behind a proxy that hands other names on it needs "
            "--token",
        )


def check_origin(headers: Mapping[str, str], options: ServiceOptions) -> None:
    """Raises RefusedError for a page of another site that none of `options.origins` is."""
    origin = headers.get("origin", "")
    if _is_foreign(headers, origin) and not {origin, "*"} & {*options.origins}:
        raise RefusedError(
            HTTPStatus.FORBIDDEN, "pages of other sites may not ask; the server's --allow-origin lets them"
        )


def _is_foreign(headers: Mapping[str, str], origin: str) -> bool:
    """Browsers tell the site to https and localhost alone; elsewhere the page's address tells it."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "cross-site"
    return bool(origin) and origin.partition("://")[2].lower() != headers.get("host", "").lower()


def _is_loopback(host: str) -> bool:
    """host: with its port, if it has one."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
