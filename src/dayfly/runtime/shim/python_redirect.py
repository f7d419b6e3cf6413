"""Leads connections for AWS to the platform, whatever library opens them.

`getaddrinfo` answers for `*.amazonaws.com` with the platform's own address and port: its TLS listener for https, its
endpoint for http. Everything that resolves through Python's `socket` (http.client, urllib3, asyncio) follows.
"""

from __future__ import annotations

import os
import socket

_resolve = socket.getaddrinfo
_resolve_one = socket.gethostbyname


def _address(text: str) -> tuple[str, int] | None:
    text = text.partition("://")[2] or text
    host, _, port = text.rstrip("/").rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None


def is_aws(host: str) -> bool:
    host = host.rstrip(".").lower()
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def target(host: object, port: object) -> tuple[str, int] | None:
    """Where a connection goes instead, None for where it wanted to go."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or not is_aws(host):
        return None
    if port in (443, "443", "https"):
        return _address(os.environ.get("DAYFLY_TLS_ADDRESS", ""))
    if port in (80, "80", "http"):
        return _address(os.environ.get("AWS_ENDPOINT_URL", ""))
    return None


def getaddrinfo(host, port, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN201
    instead = target(host, port)
    if instead is not None:
        return _resolve(*instead, *args, **kwargs)
    if isinstance(host, str) and host.endswith(".localhost"):
        host = "127.0.0.1"
    return _resolve(host, port, *args, **kwargs)


def gethostbyname(host: str) -> str:
    return "127.0.0.1" if host.endswith(".localhost") else _resolve_one(host)


def install() -> None:
    socket.getaddrinfo = getaddrinfo
    socket.gethostbyname = gethostbyname
