"""Asking a running platform: its own calls below `/_dayfly/`, and the AWS APIs through botocore.

Calls are signed with the operator's key where one is found: the environment's `AWS_ACCESS_KEY_ID`, else the
`credentials` file of the state directory. `dayfly dev` takes any key.
"""

from __future__ import annotations

import configparser
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dayfly.errors import Error
from dayfly.identity.sessions import own_session

EndpointOption = Annotated[
    str,
    typer.Option("--endpoint", envvar="AWS_ENDPOINT_URL", help="Where the platform answers.", show_default=True),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", envvar="AWS_REGION", help="The region to ask in; default: the platform's own."),
]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="The account to ask in, where any key works (`dayfly dev`).")
]

ENDPOINT = "http://127.0.0.1:4566"
REGION = "us-east-1"
_PATIENCE_S = 30.0
_SILENCE_S = 45.0
"""What is followed says something every fifteen seconds."""


class CannotReach(Error):
    """No platform answers there."""


class Refusal(Error):
    """The platform refused the call."""


class Client:
    """One platform, asked with one key."""

    def __init__(
        self, endpoint: str, *, region: str | None = None, account: str | None = None, timeout_s: float = 0
    ) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise CannotReach(f"the endpoint must be http://…, not {endpoint!r}")
        self.endpoint = endpoint.rstrip("/")
        self._region = region
        self._patience_s = timeout_s or _PATIENCE_S
        self.key_id, self.secret = _key(account)

    def ask(self, method: str, path: str, query: Mapping[str, str | None] | None = None, body: Any = None) -> Any:
        """A call below `/_dayfly/`; the decoded JSON answer, None where it has no body."""
        with self._open(method, path, query, body, self._patience_s) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    @property
    def region(self) -> str:
        """What was said, else where calls go that name no region: `dayfly dev` settles where its application is."""
        if self._region is None:
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_dayfly/caller", timeout=self._patience_s) as answer:
                    self._region = str(json.load(answer)["region"])
            except (OSError, ValueError, LookupError, http.client.HTTPException):
                self._region = REGION  # one that knows keys tells nothing unsigned; the next call says what is wrong
        return self._region

    def follow(self, path: str, query: Mapping[str, str | None]) -> Iterator[Any]:
        """The data of server-sent events as they come, until the platform stops."""
        with self._open("GET", path, query, None, _SILENCE_S) as answer:
            try:
                for line in answer:
                    if line.startswith(b"data: "):
                        yield json.loads(line[6:])
            except (OSError, http.client.HTTPException):
                raise CannotReach(f"the platform at {self.endpoint} is gone") from None

    def _open(self, method: str, path: str, query: Mapping[str, str | None] | None, body: Any, timeout_s: float) -> Any:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.endpoint}/_dayfly/{path}" + (f"?{urllib.parse.urlencode(given)}" if given else "")
        data = json.dumps(body).encode() if body is not None else b""
        request = urllib.request.Request(url, data=data or None, method=method, headers=self._signed(method, url, data))
        try:
            return urllib.request.urlopen(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            raise Refusal(_sentence(error.read(), error.code)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise CannotReach(
                f"no platform answers at {self.endpoint} ({getattr(error, 'reason', error)}); start one with dayfly dev"
            ) from None

    def aws(self, service: str) -> Any:
        """A botocore client of an AWS service at the platform."""
        import botocore.config

        return own_session().create_client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=910),
        )

    def _signed(self, method: str, url: str, data: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method=method, url=url, data=data, headers={"Accept": "application/json"})
        if data:
            request.headers["Content-Type"] = "application/json"
        SigV4Auth(Credentials(self.key_id, self.secret), "dayfly", self.region).add_auth(request)
        return dict(request.headers.items())


def _key(account: str | None) -> tuple[str, str]:
    if account:
        return account, "any"
    if "AWS_ACCESS_KEY_ID" in os.environ and "AWS_SECRET_ACCESS_KEY" in os.environ:
        return os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    for state in (os.environ.get("DAYFLY_STATE"), ".dayfly", "~/.local/share/dayfly"):
        if state and (found := Path(state).expanduser() / "credentials").is_file():
            parser = configparser.ConfigParser()
            parser.read(found)
            if "default" in parser:
                return parser["default"]["aws_access_key_id"], parser["default"]["aws_secret_access_key"]
    return "test", "test"


def _sentence(body: bytes, status: int) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return f"the platform answered with status {status}"
    return str(said.get("message") or said.get("Message") or f"the platform answered with status {status}")


def since_ms(text: str | None) -> str | None:
    """`10m`, `2h`, `3d`, or milliseconds since the epoch, as milliseconds since the epoch. Raises Refusal."""
    import time

    if text is None or text.isdigit():
        return text
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if text[:-1].isdigit() and text[-1] in units:
        return str(round((time.time() - int(text[:-1]) * units[text[-1]]) * 1000))
    raise Refusal(f"--since takes a length of time such as 10m, 2h or 3d, not {text!r}")
