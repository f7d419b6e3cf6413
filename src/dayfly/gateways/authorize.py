"""Who may pass: Lambda authorizers, JWT authorizers, Cognito user pools, IAM and API keys.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON, Error, Unsupported
from dayfly.gateways.doors import Functions, Verify
from dayfly.gateways.events import context_v1, event_v1, event_v2
from dayfly.gateways.jwt import JwtExpired, JwtRefused, Keys
from dayfly.gateways.mapping import evaluate
from dayfly.gateways.model import Authorizer
from dayfly.gateways.moment import Moment
from dayfly.gateways.plan import Step, function_arn
from dayfly.gateways.responses import text
from dayfly.gateways.traffic import Reply, message

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_MAX_CACHED = 10_000


@lru_cache(maxsize=4096)
def _pattern(resource: str) -> re.Pattern[str]:
    return re.compile(re.escape(resource).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def policy_verdict(policy: Any, arn: str) -> bool | None:
    """True: allowed; False: explicitly denied; None: not mentioned.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-using-iam-policies-to-invoke-api.html
    """
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    verdict: bool | None = None
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict):
            continue
        actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
        if not any(_pattern(action.lower()).fullmatch("execute-api:invoke") for action in actions):
            continue
        if any(_pattern(resource).fullmatch(arn) for resource in resources):
            if statement.get("Effect") == "Deny":
                return False
            verdict = True
    return verdict


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value is not None else []


class Authorizers:
    def __init__(self, functions: Functions, verify: Verify | None) -> None:
        self._functions = functions
        self._verify = verify
        self._cache: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}
        self._keys = Keys()

    def forget(self) -> None:
        """An API changed: what was cached may be of another authorizer."""
        self._cache.clear()

    async def check(self, step: Step, moment: Moment) -> Reply | None:
        """None: may pass, and `moment.authorizer` is set. Else the refusal."""
        match step.authorization:
            case "NONE" | "":
                return None
            case "AWS_IAM":
                return await self._iam(moment)
            case "CUSTOM":
                if step.authorizer is None:
                    return message(500, "Internal Server Error")
                return await self._lambda(step.authorizer, moment)
            case "JWT":
                return await self._jwt(step, moment)
            case "COGNITO_USER_POOLS":
                return await self._user_pool(step, moment)
            case other:
                raise Unsupported(f"authorization of type {other} is not supported yet")

    async def _iam(self, moment: Moment) -> Reply | None:
        request = moment.request
        rest = moment.api.kind == "rest"
        refusal = message(403, "Missing Authentication Token" if rest else "Forbidden")
        signed = request.header("authorization").startswith("AWS4-") or "X-Amz-Signature=" in request.raw_query
        if not signed:
            if rest:
                refusal.headers.append(("x-amzn-ErrorType", "MissingAuthenticationTokenException"))
                refusal.refused = "MissingAuthenticationTokenException"
            return refusal
        if self._verify is None:
            raise Unsupported("authorization by IAM needs signatures to be verified here")
        try:
            verdict = self._verify(request)
            caller = await verdict if inspect.isawaitable(verdict) else verdict
        except Error as error:
            if rest:
                return message(403, error.message.replace('"', "'"), error_type="InvalidSignatureException")
            return refusal
        identity = {"accessKey": caller.access_key_id, "accountId": caller.scope.account, "userArn": caller.arn}
        moment.authorizer = {"iam": {**identity, "callerId": caller.access_key_id, "userId": caller.access_key_id}}
        return None

    async def _jwt(self, step: Step, moment: Moment) -> Reply | None:
        authorizer = step.authorizer
        if authorizer is None:
            return message(500, "Internal Server Error")
        source = authorizer.identity_source[0] if authorizer.identity_source else "$request.header.Authorization"
        token = evaluate(source, moment) or ""
        token = token[7:] if token.lower().startswith("bearer ") else token
        if not token:
            return message(401, "Unauthorized")
        try:
            claims = await self._keys.claims(token, authorizer.issuer or "", authorizer.audience, moment.now_ms // 1000)
        except JwtRefused:
            return message(401, "Unauthorized")
        scopes = str(claims.get("scope", claims.get("scp", ""))).split()
        if step.scopes and not set(step.scopes) & set(scopes):
            return message(403, "Forbidden")
        said = {name: _jwt_claim(value) for name, value in claims.items()}
        moment.authorizer = {"jwt": {"claims": said, "scopes": scopes}}
        return None

    async def _user_pool(self, step: Step, moment: Moment) -> Reply | None:
        """An access token where the method asks for scopes, else an identity token.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enable-cognito-user-pool.html
        """
        authorizer = step.authorizer
        if authorizer is None:
            return message(500, "Internal Server Error")
        refusal = message(401, "Unauthorized", error_type="UnauthorizedException")
        source = authorizer.identity_source[0] if authorizer.identity_source else "method.request.header.Authorization"
        token = _identity(source, moment) or ""
        token = token[7:] if token.lower().startswith("bearer ") else token
        pools = [evaluate(arn, moment) or "" for arn in authorizer.provider_arns]
        try:
            claims = await self._keys.user_claims(token, pools, moment.now_ms // 1000)
        except JwtExpired as error:
            return message(401, error.message, error_type="UnauthorizedException")
        except JwtRefused:
            return refusal
        wanted = authorizer.validation_expression
        if wanted and not re.match(wanted, str(claims.get("aud", claims.get("client_id", "")))):
            return refusal
        if claims.get("token_use") != ("access" if step.scopes else "id"):
            return refusal
        if step.scopes and not set(step.scopes) & set(str(claims.get("scope", "")).split()):
            return refusal
        moment.authorizer = {"claims": {name: _claim(name, value) for name, value in claims.items()}}
        return None

    async def _lambda(self, authorizer: Authorizer, moment: Moment) -> Reply | None:
        rest = moment.api.kind != "http"
        sources = [_identity(source, moment) for source in authorizer.identity_source]
        if any(not value for value in sources):
            return message(401, "Unauthorized", error_type="UnauthorizedException" if rest else "")
        given = [value for value in sources if value]
        if authorizer.validation_expression and not re.match(
            authorizer.validation_expression, given[0] if given else ""
        ):
            return message(401, "Unauthorized", error_type="UnauthorizedException")
        key = (moment.api.id, moment.stage.name, authorizer.id, *given)
        if not rest and authorizer.simple_responses:
            key += (moment.route_key,)
        known = self._cache.get(key) if authorizer.ttl_s and given else None
        if known is not None and known[0] > moment.now_ms:
            return self._judge(authorizer, moment, known[1])
        result = await self._ask(authorizer, moment, given)
        if isinstance(result, Reply):
            return result
        if authorizer.ttl_s and given:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[key] = (moment.now_ms + authorizer.ttl_s * 1000, result)
        return self._judge(authorizer, moment, result)

    async def _ask(self, authorizer: Authorizer, moment: Moment, given: list[str]) -> dict[str, Any] | Reply:
        arn = function_arn(authorizer.uri)
        broken = message(500, "Internal Server Error")
        if moment.api.kind == "rest":
            kind = "AuthorizerConfigurationException"
            broken = Reply(500, [("x-amzn-ErrorType", kind)], b'{"message":null}', kind)
        if arn is None:
            return broken
        try:
            outcome = await self._functions.invoke(
                moment.scope, arn, _encode(_event(authorizer, moment, given)), source="apigateway"
            )
        except Error:
            return broken
        try:
            result = _decode(outcome.payload or b"null")
        except NOT_JSON:
            return broken
        if outcome.error is not None:
            # A thrown `Unauthorized` is the documented way to say 401.
            if isinstance(result, dict) and result.get("errorMessage") == "Unauthorized":
                return message(401, "Unauthorized", error_type="UnauthorizedException")
            return broken
        return result if isinstance(result, dict) else broken

    def _judge(self, authorizer: Authorizer, moment: Moment, result: dict[str, Any]) -> Reply | None:
        context = result.get("context") or {}
        if moment.api.kind == "http":
            if authorizer.simple_responses:
                allowed = result.get("isAuthorized") is True
            else:
                allowed = policy_verdict(result.get("policyDocument"), method_arn(moment)) is True
                context = {**context}
            if not allowed:
                return message(403, "Forbidden")
            moment.authorizer = {"lambda": context or None}
            return None
        verdict = policy_verdict(result.get("policyDocument"), method_arn(moment))
        if verdict is not True:
            words = "User is not authorized to access this resource"
            words += " with an explicit deny" if verdict is False else ""
            key = "Message" if moment.api.kind == "rest" else "message"
            return message(403, words, key=key, error_type="AccessDeniedException")
        moment.authorizer = {
            "principalId": text(result.get("principalId")),
            "integrationLatency": 0,
            **{name: text(value) for name, value in context.items()},
        }
        return None


def _jwt_claim(value: Any) -> str:
    """As HTTP APIs write it: a list without quotes and commas."""
    return f"[{' '.join(text(one) for one in value)}]" if isinstance(value, list) else text(value)


def _claim(name: str, value: Any) -> str:
    """A claim in the words that API Gateway gives it: times as dates, lists separated by commas."""
    if name in ("exp", "iat") and isinstance(value, int | float):
        return f"{datetime.fromtimestamp(value, UTC):%a %b %d %H:%M:%S UTC %Y}"
    return ",".join(text(one) for one in value) if isinstance(value, list) else text(value)


def method_arn(moment: Moment) -> str:
    api = moment.api
    if api.kind == "websocket":
        return api.scope.arn("execute-api", f"{api.id}/{moment.stage.name}/{moment.route_key}")
    return api.scope.arn("execute-api", f"{api.id}/{moment.stage.name}/{moment.request.method}{moment.path}")


def _identity(source: str, moment: Moment) -> str | None:
    """An identity source's value; REST and WebSocket spell it `method.request.header.X` and `route.request.…`."""
    expression = source.removeprefix("method.").removeprefix("route.")
    expression = expression.replace("request.multivalueheader.", "request.header.")
    expression = expression.replace("request.multivaluequerystring.", "request.querystring.")
    if not expression.startswith("$"):
        expression = f"${expression}"
    return evaluate(expression, moment)


def _event(authorizer: Authorizer, moment: Moment, given: list[str]) -> dict[str, Any]:
    arn = method_arn(moment)
    if authorizer.kind == "TOKEN":
        return {"type": "TOKEN", "methodArn": arn, "authorizationToken": given[0] if given else ""}
    if moment.api.kind == "http":
        if authorizer.payload_version == "2.0":
            event = event_v2(moment)
            event.pop("body", None)
            event.pop("isBase64Encoded", None)
            event.pop("rawBody", None)
            return {**event, "type": "REQUEST", "routeArn": arn, "identitySource": given or None}
        event = event_v1(moment, version=True)
        event["identitySource"] = ",".join(given)
        event["authorizationToken"] = ",".join(given)
    elif moment.api.kind == "websocket":
        event = event_v1(moment)
        event["requestContext"] = {**context_v1(moment, ""), "routeKey": moment.route_key, "eventType": "CONNECT"}
        for name in ("resource", "path", "httpMethod", "pathParameters"):
            event.pop(name, None)
    else:
        event = event_v1(moment)
    event.pop("body", None)
    event.pop("isBase64Encoded", None)
    return {"type": "REQUEST", "methodArn": arn, **event}
