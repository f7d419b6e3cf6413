"""Every setting of the platform: one table, read once, one frozen record.

A setting is given on the command line, else in the environment as `DAYFLY_<NAME>`, else has the default below. The
reference page `docs/SETTINGS.md` is made from this table (`python -m dayfly.settings`); a test fails on a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from dayfly.errors import Error

Mode = Literal["dev", "up"]
Isolation = Literal["auto", "namespace", "process"]


class InvalidSetting(Error):
    """A setting has a value that it cannot have."""


class Setting(NamedTuple):
    """One row of the reference page."""

    name: str
    default: object
    sentence: str


TABLE: tuple[Setting, ...] = (
    Setting(
        "host", "127.0.0.1", "The address that is listened on. Another one than loopback needs `up` or `insecure`."
    ),
    Setting("port", 4566, "The port of the AWS endpoint; 0 takes a free one."),
    Setting("http_port", 3000, "In `dev`: the port of the application's HTTP or REST API."),
    Setting("websocket_port", 3001, "In `dev`: the port of the application's WebSocket API."),
    Setting("lambda_port", 3002, "In `dev`: the port of the Lambda Invoke API."),
    Setting("tls_port", 0, "The port where `*.amazonaws.com` is answered for code that ignores `AWS_ENDPOINT_URL`."),
    Setting("region", "us-east-1", "The region of calls that name none, and of applications that do not say."),
    Setting("account", "000000000000", "The account of calls whose access key is not a 12-digit account id."),
    Setting(
        "state", "", "The directory that keeps everything; `.dayfly` beside the application, `~/.local/share/dayfly`."
    ),
    Setting("cache", "", "The directory of what can be made again: packages, compiled models (`~/.cache/dayfly`)."),
    Setting("memory", False, "Keep nothing: state lives in memory and ends with the process."),
    Setting("insecure", False, "Listen on other addresses than loopback although `dev` checks no signature."),
    Setting("isolation", "auto", "How functions are kept apart: `namespace`, `process`, `auto` (the best there is)."),
    Setting("max_body_mb", 64, "The largest request body taken, in MiB."),
    Setting("max_environments", 1000, "The most environments of functions at once."),
    Setting("pool_size", 4, "Processes kept waiting for cold starts of Python functions; half as many for Node."),
    Setting("idle_s", 300, "Seconds after which an idle environment is ended."),
    Setting("drain_s", 10, "Seconds that stopping waits for what still runs."),
    Setting("endpoints", "", "Where other services answer: `dynamodb=http://127.0.0.1:8000,s3=http://…`."),
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says, with types; see there for the meaning of each."""

    mode: Mode
    host: str = "127.0.0.1"
    port: int = 4566
    http_port: int = 3000
    websocket_port: int = 3001
    lambda_port: int = 3002
    tls_port: int = 0
    region: str = "us-east-1"
    account: str = "000000000000"
    state: Path = Path(".dayfly")
    cache: Path = Path("~/.cache/dayfly")
    memory: bool = False
    insecure: bool = False
    isolation: Isolation = "auto"
    max_body_mb: int = 64
    max_environments: int = 1000
    pool_size: int = 4
    idle_s: int = 300
    drain_s: int = 10
    endpoints: Mapping[str, str] = {}
    access_key_id: str | None = None
    """The operator's key to make at the first start on a state directory (`up`); random where None."""
    secret_access_key: str | None = None


def read(mode: Mode, given: Mapping[str, Any], environment: Mapping[str, str], beside: Path) -> Settings:
    """The settings from the command line's values (None: not given) and the environment. Raises InvalidSetting.

    `beside` is the directory whose `.dayfly` holds the state in `dev`.
    """
    values = {row.name: _value(row, given, environment) for row in TABLE}
    home = Path(environment.get("HOME", "~")).expanduser()
    if not values["state"]:
        shared = Path(environment.get("XDG_DATA_HOME", home / ".local/share"))
        values["state"] = beside / ".dayfly" if mode == "dev" else shared / "dayfly"
    values["cache"] = values["cache"] or Path(environment.get("XDG_CACHE_HOME", home / ".cache")) / "dayfly"
    values["endpoints"] = _endpoints(values["endpoints"])
    for name in ("state", "cache"):
        values[name] = Path(values[name]).expanduser().absolute()
    if values["isolation"] not in get_args(Isolation):
        raise InvalidSetting(f"isolation must be one of {', '.join(get_args(Isolation))}, not {values['isolation']!r}")
    if not (len(values["account"]) == 12 and values["account"].isdigit()):
        raise InvalidSetting(f"account must be 12 digits, not {values['account']!r}")
    _check_ports(values)
    settings = Settings(
        mode=mode,
        access_key_id=environment.get("DAYFLY_ACCESS_KEY_ID"),
        secret_access_key=environment.get("DAYFLY_SECRET_ACCESS_KEY"),
        **values,
    )
    if mode == "dev" and not settings.insecure and not is_loopback(settings.host):
        raise InvalidSetting(
            f"host {settings.host} can be reached from outside, and dev checks no signatures: "
            "use dayfly up, or say --insecure if you mean it"
        )
    return settings


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _check_ports(values: dict[str, Any]) -> None:
    for name in ("port", "http_port", "websocket_port", "lambda_port", "tls_port"):
        if not 0 <= values[name] <= 65535:
            raise InvalidSetting(f"{name} must be a port from 0 to 65535, not {values[name]}")


def _value(row: Setting, given: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    if given.get(row.name) is not None:
        return given[row.name]
    text = environment.get(f"DAYFLY_{row.name.upper()}")
    if text is None:
        return row.default
    if isinstance(row.default, bool):
        return text.lower() in ("1", "true", "yes", "on")
    if isinstance(row.default, int):
        try:
            return int(text)
        except ValueError as error:
            raise InvalidSetting(f"DAYFLY_{row.name.upper()} must be a whole number, not {text!r}") from error
    return text


def _endpoints(text: object) -> dict[str, str]:
    if isinstance(text, dict):
        return text
    found = {}
    for part in filter(None, str(text).split(",")):
        service, equals, url = part.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            raise InvalidSetting(f"endpoints must be service=http://…, separated by commas, not {part!r}")
        found[service.strip()] = url.strip().rstrip("/")
    return found


def reference() -> str:
    """The reference page in Markdown."""
    lines = [
        "# Settings",
        "",
        "Given on the command line (`--port 4566`), else in the environment (`DAYFLY_PORT=4566`), else the default.",
        "`dayfly up` also reads `DAYFLY_ACCESS_KEY_ID` and `DAYFLY_SECRET_ACCESS_KEY`: the operator's key, which the",
        "first start on a state directory makes; a random one where they are not set. It is in `<state>/credentials`.",
        "",
        "| setting | default | meaning |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{row.name}` | {f'`{row.default}`' if row.default != '' else ''} | {row.sentence} |" for row in TABLE]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path("docs/SETTINGS.md").write_text(reference(), encoding="utf-8")
