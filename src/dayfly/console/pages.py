"""What all pages share: templates, static files, and what a browser may load on a page of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from dayfly.front.messages import Headers, Request, Response

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
STATIC = "/_dayfly/static/"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@cache
def _environment() -> Any:
    # Imported when the first page is asked for: most runs never show one.
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["moment"] = moment
    made.filters["bytes"] = size
    return made


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page made from a template."""
    text = _environment().get_template(template).render(static=STATIC, **values)
    headers: Headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
    ]
    return Response(status, headers, text.encode())


def json_answer(value: object, status: int = 200) -> Response:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Vary", "Accept")]
    return Response(status, headers, msgspec.json.encode(value))


def wants_page(request: Request) -> bool:
    """Whether the client is a browser that wants a page: it names HTML, and does not like JSON better."""
    quality = {"text/html": 0.0, "application/json": 0.0}
    for item in request.header("accept").split(","):
        kind, *options = (part.strip().lower() for part in item.split(";"))
        if kind in quality:
            given = next((option[2:] for option in options if option.startswith("q=")), "1")
            try:
                quality[kind] = float(given)
            except ValueError:
                quality[kind] = 0.0
    return quality["text/html"] > 0 and quality["text/html"] >= quality["application/json"]


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


class StaticFiles:
    """Style sheets and scripts of the pages."""

    async def answer(self, request: Request) -> Response | None:
        if not request.path.startswith(STATIC):
            return None
        found = _file(request.path.removeprefix(STATIC))
        if found is None:
            return json_answer({"message": "There is no such file"}, 404)
        kind, content = found
        return Response(200, [("Content-Type", kind), ("Cache-Control", "max-age=60")], content)


@cache
def _file(name: str) -> tuple[str, bytes] | None:
    known = {path.name: path for path in (_HERE / "static").iterdir() if path.suffix in _TYPES}
    path = known.get(name)
    return (_TYPES[path.suffix], path.read_bytes()) if path is not None else None
