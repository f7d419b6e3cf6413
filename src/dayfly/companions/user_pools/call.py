"""One request about a user pool, and what its flow may ask the companion."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dayfly.api import Refused
from dayfly.front.messages import Request, Response
from dayfly.identity import Scope

if TYPE_CHECKING:
    from dayfly.companions.user_pools.service import UserPools

PATH = "/-dayfly-/user-pools"
"""Where the companion answers what only the platform asks (see `pools_inside.py`)."""
_TARGET = "AWSCognitoIdentityProviderService."
NO_CLIENT = "CLIENT_ID_NOT_APPLICABLE"
"""What a function is told where an administrator acts."""


class Ask(Protocol):
    def __call__(self, request: Request, scope: Scope, inside: Mapping[str, Any]) -> Awaitable[Response]:
        """Have the companion answer; `inside` is what the platform tells it with the request."""
        ...


class AnsweredByCompanion(Exception):
    """The companion refused; its answer is the caller's."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status))
        self.response = response


class User(msgspec.Struct, frozen=True, kw_only=True):
    username: str
    sub: str
    status: str
    enabled: bool
    attributes: dict[str, str]
    groups: list[str] = []
    """By precedence."""
    roles: list[str] = []

    @property
    def shown(self) -> dict[str, str]:
        """As functions see them."""
        return {**self.attributes, "cognito:user_status": self.status}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A pool, the client that was named, and the user, where there is one."""

    account: str
    region: str
    pool: dict[str, Any]
    client: dict[str, Any] = {}
    user: User | None = None
    password_fits: bool = True

    @property
    def id(self) -> str:
        return str(self.pool["Id"])

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def client_id(self) -> str:
        return str(self.client.get("ClientId") or NO_CLIENT)

    @property
    def hides_absence(self) -> bool:
        """Whether the client is not told which users exist.

        https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
        """
        return self.client.get("PreventUserExistenceErrors") == "ENABLED"

    def named_by(self, *kinds: str) -> bool:
        """Whether users sign in by one of these attributes, and have a name that nobody chose."""
        return any(kind in (self.pool.get("UsernameAttributes") or ()) for kind in kinds)

    def verifies(self, attribute: str) -> bool:
        return attribute in (self.pool.get("AutoVerifiedAttributes") or ())


class Call:
    """A request with its parameters. `desk` has what flows share."""

    def __init__(self, desk: UserPools, request: Request, operation: str, params: dict[str, Any], scope: Scope) -> None:
        self.desk = desk
        self.request = request
        self.operation = operation
        self.params = params
        self.scope = scope

    @property
    def by_admin(self) -> bool:
        return self.operation.startswith("Admin")

    @property
    def metadata(self) -> dict[str, str] | None:
        return self.params.get("ClientMetadata") or None

    async def find(self, username: str = "", **asked: Any) -> Found | None:
        """The pool that the parameters name, by its id or a client's; and a user in it."""
        named = {"pool": self.params.get("UserPoolId"), "client": self.params.get("ClientId"), "username": username}
        find = {key: value for key, value in (named | asked).items() if value not in (None, "")}
        if "pool" in find:
            find.setdefault("account", self.scope.account)
        response = await self.desk.ask(Request("GET", PATH, []), self.scope, {"find": find})
        if response.status != 200 or not isinstance(response.body, bytes):
            return None
        return msgspec.json.decode(response.body, type=Found)

    async def existing(self, found: Found, username: str) -> User:
        """The user as he is now. Raises Refused."""
        again = await self.find(username, pool=found.id, account=found.account)
        if again is None or again.user is None:
            raise Refused("UserNotFoundException", "User does not exist.", 400)
        return again.user

    async def forward(self, params: Mapping[str, Any] | None = None, **decided: Any) -> dict[str, Any]:
        """Have the companion do it, with these parameters where they are given. Raises AnsweredByCompanion."""
        request = self.request
        if params is not None:
            headers = [(name, value) for name, value in request.headers if name.lower() != "content-length"]
            request = Request("POST", request.target, headers, msgspec.json.encode(params))
        return read(await self.desk.ask(request, self.scope, decided))

    async def administer(self, found: Found, operation: str, params: Mapping[str, Any], **decided: Any) -> None:
        """Do what an administrator of the pool may do, on whose behalf it ever is. Raises AnsweredByCompanion."""
        # The companion reads the region there, where it must be: whoever signs up or in signs nothing.
        credential = f"AWS4-HMAC-SHA256 Credential=dayfly/20200101/{found.region}/cognito-idp/aws4_request"
        headers = [
            ("Authorization", f"{credential}, SignedHeaders=host, Signature=0"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", _TARGET + operation),
        ]
        body = msgspec.json.encode({"UserPoolId": found.id, **params})
        read(await self.desk.ask(Request("POST", "/", headers, body), found.scope, decided))

    async def tell(self, operation: str, **inside: Any) -> dict[str, Any]:
        """Have the companion do what no operation of AWS does. It is kept and repeated, too."""
        request = Request("POST", PATH, [("X-Amz-Target", _TARGET + operation)])
        return read(await self.desk.ask(request, self.scope, inside))


def read(response: Response) -> dict[str, Any]:
    """An answer's members. Raises AnsweredByCompanion for an error."""
    if response.status >= 400 or not isinstance(response.body, bytes):
        raise AnsweredByCompanion(response)
    found = msgspec.json.decode(response.body) if response.body.strip() else {}
    return found if isinstance(found, dict) else {}


def named(attributes: Any) -> dict[str, str]:
    """`[{"Name": …, "Value": …}]` by name."""
    return {str(one["Name"]): str(one.get("Value", "")) for one in attributes or () if "Name" in one}
