"""User pools inside the child process: standard library and moto only (see `inside.py`).

A request may carry `x-dayfly-inside`, a JSON object that only the platform can give it. It is kept with the call and so
repeated with it: what time it was (`now`), what ids and tokens are drawn from (`seed`), and what triggers and codes
decided about the user that the request is about (`sub`, `status`, `verify`). Two requests are ours alone, both to
`/-dayfly-/user-pools`:

GET   {"find": {"client": …, "username": …}}: what is known of a pool, its client and one of its users
POST  {"issue": {…}} or {"shape": {…}}: tokens for a user who proved himself elsewhere, or with other claims
"""

from __future__ import annotations

import json
import runpy
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PATH = "/-dayfly-/user-pools"
_HEADER = "HTTP_X_DAYFLY_INSIDE"
_FIXED = ("UsernameAttributes", "AliasAttributes", "UsernameConfiguration")
"""https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html takes none."""
_said = threading.local()
_preparing = threading.Lock()
_prepared = False


def _decided() -> dict[str, Any]:
    return getattr(_said, "value", {})


def serve_user_pools() -> None:
    """Read what comes with requests. Everything else waits for the first one, because moto's part is slow to import."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    serve = DomainDispatcherApplication.__call__

    def answer(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        header = environ.get(_HEADER)
        _said.value, _said.random = json.loads(header) if header else {}, None
        if header:
            _prepare()
        if not header or environ.get("PATH_INFO") != PATH:
            return serve(self, environ, start_response)
        asked, found = _decided(), None
        for name, act in (("find", _find), ("issue", _issue), ("shape", _reshape)):
            if name in asked:
                found = act(**asked[name])
        body = json.dumps(found, default=str).encode()
        status = "200 OK" if found is not None else "404 Not Found"
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    DomainDispatcherApplication.__call__ = answer  # type: ignore[method-assign]


def _prepare() -> None:
    global _prepared
    with _preparing:
        if not _prepared:
            _tell_the_time()
            _draw()
            _make_users()
            _shape_tokens()
            runpy.run_path(str(Path(__file__).with_name("srp_inside.py")))["verify_passwords"]()
            _prepared = True


def _tell_the_time() -> None:
    """Tokens say when they were issued; repeated, they must come out the same, or their holders would be strangers."""
    from moto.cognitoidp import models

    class Clock:
        @staticmethod
        def time() -> float:
            return float(_decided().get("now") or time.time())

    vars(models)["time"] = Clock
    vars(models)["utcnow"] = lambda: datetime.fromtimestamp(Clock.time(), UTC).replace(tzinfo=None)


def _draw() -> None:
    from moto.cognitoidp import models, utils
    from moto.moto_api._internal import mock_random
    from moto.moto_api._internal.moto_random import MotoRandom

    class Drawn:
        """The randomness of this request. Calls that were kept without a seed draw as they did then."""

        def __getattr__(self, name: str) -> Any:
            seed = _decided().get("seed")
            if seed is None:
                return getattr(mock_random, name)
            if _said.random is None:
                _said.random = MotoRandom(seed)
            return getattr(_said.random, name)

    vars(models)["random"] = vars(utils)["random"] = Drawn()


def _make_users() -> None:
    """Users that come with a decision; pools that keep on a change what cannot be changed."""
    from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUser, CognitoIdpUserPool

    made = CognitoIdpUser.__init__

    def init(self: Any, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        sub = _decided().get("sub")
        if sub:
            self.username = sub if self.username == self.id else self.username
            self.id = sub
            self.update_attributes([{"Name": "sub", "Value": sub}])
        _decide(self)

    CognitoIdpUser.__init__ = init  # type: ignore[method-assign]

    def deciding(name: str, user_of: Callable[..., Any]) -> None:
        original = getattr(CognitoIdpBackend, name)

        def run(self: Any, *given: Any, **named: Any) -> Any:
            result = original(self, *given, **named)
            _decide(user_of(self, *given, **named))
            return result

        setattr(CognitoIdpBackend, name, run)

    deciding("confirm_sign_up", _user_of_client)
    deciding("confirm_forgot_password", _user_of_client)
    create = CognitoIdpBackend.admin_create_user

    def admin_create_user(
        self: Any, user_pool_id: str, username: str, message_action: str, temporary_password: str, attributes: Any
    ) -> Any:
        if message_action != "RESEND":
            return create(self, user_pool_id, username, message_action, temporary_password, attributes)
        user = self.admin_get_user(user_pool_id, username)  # moto makes another one
        user.password = temporary_password
        return user

    CognitoIdpBackend.admin_create_user = admin_create_user  # type: ignore[method-assign]
    update = CognitoIdpUserPool.update_extended_config

    def update_extended_config(self: Any, extended_config: dict[str, Any]) -> None:
        before = getattr(self, "extended_config", {})
        fixed = {name: before[name] for name in _FIXED if name in before}
        update(self, {**fixed, **(extended_config or {})})

    CognitoIdpUserPool.update_extended_config = update_extended_config  # type: ignore[method-assign]


def _user_of_client(backend: Any, client_id: str, username: str, *_: Any) -> Any:
    for pool in backend.user_pools.values():
        if client_id in pool.clients:
            return pool._get_user(username)
    return None


def _decide(user: Any) -> None:
    """What the platform decided about the user that this request is about."""
    from moto.cognitoidp.models import UserStatus

    decided = _decided()
    if user is None:
        return
    if decided.get("status"):
        user.status = UserStatus[decided["status"]]
    verified = [{"Name": f"{name}_verified", "Value": "true"} for name in decided.get("verify") or ()]
    if verified:
        user.update_attributes(verified)


def _shape_tokens() -> None:
    """Claims as AWS gives them: all readable attributes, groups by precedence with their roles.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
    """
    from moto.cognitoidp.models import CognitoIdpUserPool

    create = CognitoIdpUserPool.create_jwt

    def create_jwt(
        self: Any,
        client_id: str,
        username: str,
        token_use: str,
        expires_in: int = 3600,
        extra_data: dict[str, Any] | None = None,
    ) -> tuple[str, int]:
        user, claims = self._get_user(username), dict(extra_data or {})
        groups = _ordered(user)
        if groups:
            claims["cognito:groups"] = [group.group_name for group in groups]
        if token_use == "id":
            client = self.clients.get(client_id)
            readable = set(client.get_readable_fields()) if client else set()
            for name, value in user.attribute_lookup.items():
                if name != "sub" and not name.startswith("dev:") and (not readable or name in readable):
                    claims[name] = value == "true" if name.endswith("_verified") else value
            roles = [group.role_arn for group in groups if group.role_arn]
            if roles:
                claims |= {"cognito:roles": roles, "cognito:preferred_role": roles[0]}
        return create(self, client_id, username, token_use, expires_in, claims)

    CognitoIdpUserPool.create_jwt = create_jwt  # type: ignore[method-assign]


def _ordered(user: Any) -> list[Any]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GroupType.html (Precedence)"""

    def rank(group: Any) -> tuple[float, str]:
        given = group.precedence
        return (float("inf") if given is None else float(given), group.group_name)

    return sorted(user.groups, key=rank)


def _pools() -> Iterator[Any]:
    from moto.cognitoidp.models import cognitoidp_backends

    for account in list(dict.values(cognitoidp_backends)):
        for backend in list(dict.values(account)):
            yield from backend.user_pools.values()


def _find(
    pool: str = "",
    account: str = "",
    client: str = "",
    username: str = "",
    refresh: str = "",
    session: str = "",
    token: str = "",
    password: str | None = None,
) -> dict[str, Any] | None:
    if not (pool or client or token):
        return None
    for one in _pools():
        if token:
            if token not in one.access_tokens:
                continue
            client, username = one.access_tokens[token]
            pool, account = one.id, one.account_id
        if (pool and (one.id != pool or one.account_id != account)) or (client and client not in one.clients):
            continue
        if refresh:
            username = (one.refresh_tokens.get(refresh) or ("", "", ""))[1]
        if session and not username:
            username = (one.backend.sessions.get(session) or ("",))[0]
        user = one._get_user(username) if username else None
        return {
            "account": one.account_id,
            "region": one.region,
            "pool": one.to_json(extended=True),
            "client": one.clients[client].to_json(extended=True) if client else {},
            "user": _described(user) if user else None,
            "password_fits": password is None or _fits(one, password),
        }
    return None


def _fits(pool: Any, password: str) -> bool:
    from moto.cognitoidp.exceptions import InvalidPasswordException

    try:
        pool.backend._validate_password(pool.id, password)
    except InvalidPasswordException:
        return False
    return True


def _described(user: Any) -> dict[str, Any]:
    return {
        "username": user.username,
        "sub": user.id,
        "status": getattr(user.status, "value", user.status),
        "enabled": user.enabled,
        "attributes": {name: str(value) for name, value in user.attribute_lookup.items()},
        "groups": [group.group_name for group in _ordered(user)],
        "roles": [group.role_arn for group in _ordered(user) if group.role_arn],
    }


def _issue(pool: str, client: str, username: str) -> dict[str, Any] | None:
    for one in _pools():
        if one.id == pool and client in one.clients:
            user = one._get_user(username)
            by_mail = "email" in (one.extended_config.get("UsernameAttributes") or ())
            name = user.attribute_lookup.get("email", username) if by_mail else username
            return dict(one.backend._log_user_in(one, one.clients[client], name))
    return None


def _reshape(pool: str, tokens: Mapping[str, str], claims: Mapping[str, Mapping[str, Any]]) -> dict[str, str] | None:
    """The same tokens with other claims: `claims` says by token which to `set` and which to `drop`."""
    from joserfc import jwt

    for one in _pools():
        if one.id != pool:
            continue
        made = {}
        for name, token in tokens.items():
            payload = _payload(token) | claims[name]["set"]
            payload = {key: value for key, value in payload.items() if key not in claims[name]["drop"]}
            made[name] = jwt.encode({"kid": "dummy", "alg": "RS256"}, payload, one.json_web_key)
            known = one.access_tokens if name == "AccessToken" else one.id_tokens
            if token in known:
                known[made[name]] = known.pop(token)
        return made
    return None


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))
