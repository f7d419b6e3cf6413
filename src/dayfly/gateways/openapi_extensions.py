"""What API Gateway's extensions say of an API as a whole, and which of an OpenAPI document's have no effect here.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/import-api-aws-variables.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from dayfly.errors import NOT_JSON
from dayfly.gateways.model import Api
from dayfly.identity import Scope
from dayfly.identity.names import partition_of

_PREFIX = "x-amazon-apigateway-"
_VARIABLE = re.compile(r"\$\{AWS::(AccountId|Partition|Region)\}")
_DOCUMENTED = frozenset(
    [
        "any-method",
        "api-key-source",
        "auth",
        "authorizer",
        "authtype",
        "binary-media-types",
        "cors",
        "documentation",
        "endpoint-access-mode",
        "endpoint-configuration",
        "gateway-responses",
        "importexport-version",
        "integration",
        "integrations",
        "minimum-compression-size",
        "policy",
        "request-validator",
        "request-validators",
        "security-policy",
        "tag-value",
    ]
)
"""All of AWS's, without their prefix."""
_KEPT = ("policy", "minimum-compression-size", "security-policy", "endpoint-access-mode")
_SETTINGS = {
    "minimum-compression-size": "minimumCompressionSize",
    "security-policy": "securityPolicy",
    "endpoint-access-mode": "endpointAccessMode",
}


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """An extension without its effect."""

    level: Literal["ignored", "unsupported"]
    what: str
    """Its name, with what of it is meant where that is not all."""
    holder: Any
    key: str
    """Where it stands."""

    def __str__(self) -> str:
        return f"{self.what} {'is not supported yet' if self.level == 'unsupported' else 'has no effect here'}"


def resolved(document: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The document with AWS's variables replaced, as at an import. Variables of stages stay: their values change."""
    values = {"AccountId": scope.account, "Partition": partition_of(scope.region), "Region": scope.region}

    def of(value: Any) -> Any:
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: values[match[1]], value)
        if isinstance(value, dict):
            return {key: of(held) for key, held in value.items()}
        return [of(held) for held in value] if isinstance(value, list) else value

    return {key: of(value) for key, value in document.items()}


def endpoint_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """`x-amazon-apigateway-endpoint-configuration`: at the top in Swagger 2.0, of a server in OpenAPI 3.0."""
    found: dict[str, Any] = {}
    for holder in _endpoint_holders(document):
        found |= holder[f"{_PREFIX}endpoint-configuration"] or {}
    return found


def _endpoint_holders(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    servers = document.get("servers")
    holders = [document, *(servers if isinstance(servers, list) else ())]
    name = f"{_PREFIX}endpoint-configuration"
    return [holder for holder in holders if isinstance(holder, Mapping) and isinstance(holder.get(name), Mapping)]


def rest_settings(document: Mapping[str, Any], api: Api) -> dict[str, Any]:
    """The settings of a REST API that a document names, in the members of GetRestApi; the policy as plain JSON."""
    settings = {
        member: document[f"{_PREFIX}{name}"]
        for name, member in _SETTINGS.items()
        if document.get(f"{_PREFIX}{name}") is not None
    }
    if policy := document.get(f"{_PREFIX}policy"):
        settings["policy"] = _policy(policy, api)
    if endpoints := endpoint_of(document).get("vpcEndpointIds"):
        held = api.settings.get("endpointConfiguration") or {"types": ["EDGE"]}
        settings["endpointConfiguration"] = {**held, "vpcEndpointIds": list(endpoints)}
    return settings


def _policy(policy: Any, api: Api) -> str:
    """With the abbreviated resources `execute-api:/…` written out.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/openapi-extensions-policy.html
    """
    if isinstance(policy, str):
        try:
            policy = msgspec.json.decode(policy)
        except NOT_JSON:
            return str(policy)
    prefix = f"{api.scope.arn('execute-api', api.id)}/"

    def whole(value: Any) -> Any:
        if isinstance(value, list):
            return [whole(one) for one in value]
        short = isinstance(value, str) and value.startswith("execute-api:/")
        return prefix + value.removeprefix("execute-api:/") if short else value

    statements = policy.get("Statement") if isinstance(policy, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict):
            statement |= {name: whole(statement[name]) for name in ("Resource", "NotResource") if name in statement}
    return msgspec.json.encode(policy).decode()


def shown_policy(policy: str) -> str:
    """As GetRestApi answers: text whose quotes and slashes are escaped once more than JSON asks.

    https://github.com/hashicorp/terraform-provider-aws/pull/4606
    """
    return msgspec.json.encode(policy).decode()[1:-1].replace("/", r"\/")


def lacks(document: Mapping[str, Any], kind: Literal["rest", "http"]) -> Iterator[Lack]:
    """The extensions that would have an effect on AWS and have none here.

    The document may be of a template, with intrinsic functions in it. What AWS itself passes over in an API of this
    kind is not told.
    """
    if kind == "rest":
        yield from _rest_lacks(document)
    else:
        yield from _endpoint_lacks(document, "ipAddressType")
    for scheme in _mappings(_schemes(document)):
        authorizer = scheme.get(f"{_PREFIX}authorizer")
        if isinstance(authorizer, Mapping) and authorizer.get("authorizerCredentials"):
            what = f"authorizerCredentials of {_PREFIX}authorizer"
            yield Lack(level="ignored", what=what, holder=authorizer, key="authorizerCredentials")
    for holder in _places(document):
        for key in holder:
            if str(key).startswith(_PREFIX) and str(key).removeprefix(_PREFIX) not in _DOCUMENTED:
                yield Lack(level="unsupported", what=str(key), holder=holder, key=str(key))


def _rest_lacks(document: Mapping[str, Any]) -> Iterator[Lack]:
    for name in (*_KEPT, "documentation"):
        if document.get(f"{_PREFIX}{name}") is not None:
            yield Lack(level="ignored", what=f"{_PREFIX}{name}", holder=document, key=f"{_PREFIX}{name}")
    yield from _endpoint_lacks(document, "vpcEndpointIds")
    key = f"{_PREFIX}api-key-source"
    if str(document.get(key)).upper() == "AUTHORIZER":
        yield Lack(level="unsupported", what=f"{key} AUTHORIZER", holder=document, key=key)


def _endpoint_lacks(document: Mapping[str, Any], member: str) -> Iterator[Lack]:
    for holder in _endpoint_holders(document):
        given = holder[f"{_PREFIX}endpoint-configuration"]
        if member in given:
            what = f"{member} of {_PREFIX}endpoint-configuration"
            yield Lack(level="ignored", what=what, holder=given, key=member)


def _places(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything that may have extensions: the document, its paths, operations, security schemes and components."""
    yield document
    for item in _mappings(document.get("paths")):
        yield item
        yield from _mappings(item)
    yield from _mappings(_schemes(document))
    components = document.get("components")
    if isinstance(components, Mapping):
        yield components


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [held for held in value.values() if isinstance(held, Mapping)] if isinstance(value, Mapping) else []


def _schemes(document: Mapping[str, Any]) -> Any:
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    return schemes or document.get("securityDefinitions")
