"""Patch operations of REST APIs: which paths each operation takes, and what they do to a document.

https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from dayfly.api import Params
from dayfly.errors import Unsupported
from dayfly.gateways.model import Invalid

T = TypeVar("T")
_ANY = "add replace remove"


class Paths(msgspec.Struct, frozen=True):
    """What may be patched.

    In a pattern, `{name}` is a key of a map and `{item}` an item of a list.
    """

    allowed: Mapping[str, str]
    """Pattern -> the operations that it takes."""
    types: Mapping[str, type] = {}
    """Pattern -> the type of its values where that is not text. A list is added to and taken from by value."""
    unsupported: frozenset[str] = frozenset()
    """Patterns of AWS's whose effect dayfly does not have."""
    needed: frozenset[str] = frozenset()
    """Patterns whose value must be given."""

    def pattern(self, op: str, path: str) -> str:
        """The pattern that a patch means. Raises Invalid or Unsupported, naming the path."""
        if any(_fits(pattern, path) for pattern in self.unsupported):
            raise Unsupported(f"the patch path {path} is not supported yet")
        choices = [pattern for pattern, ops in self.allowed.items() if op in ops.split()]
        for pattern in choices:
            if _fits(pattern, path):
                return pattern
        advice = f"Must be one of: [{', '.join(choices)}]" if choices and not self.knows(path) else None
        # The two spaces are AWS's.
        raise Invalid(
            f"Invalid patch path  '{path}' specified for op '{op}'. {advice or 'Please choose supported operations'}"
        )

    def knows(self, path: str) -> bool:
        """Whether some operation takes the path."""
        return any(_fits(pattern, path) for pattern in self.allowed)


def _fits(pattern: str, path: str) -> bool:
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one == other or (one[:1] == "{" and other != "") for one, other in zip(wanted, given, strict=True)
    )


METHOD = Paths(
    {
        "/authorizationScopes": "add remove",
        "/authorizationType": "replace",
        "/authorizerId": "replace",
        "/apiKeyRequired": "replace",
        "/operationName": "replace",
        "/requestParameters/{name}": _ANY,
        "/requestModels/{name}": _ANY,
        "/requestValidatorId": "replace",
    },
    {"/authorizationScopes": list, "/apiKeyRequired": bool, "/requestParameters/{name}": bool},
)
METHOD_RESPONSE = Paths(
    {"/responseModels/{name}": _ANY, "/responseParameters/{name}": _ANY},
    {"/responseParameters/{name}": bool},
)
INTEGRATION = Paths(
    {
        "/cacheKeyParameters/{item}": _ANY,
        "/cacheNamespace": "replace",
        "/connectionId": "replace",
        "/connectionType": "replace",
        "/contentHandling": "replace",
        "/credentials": "replace",
        "/httpMethod": "replace",
        "/passthroughBehavior": "replace",
        "/requestParameters/{name}": _ANY,
        "/requestTemplates/{name}": _ANY,
        "/responseTransferMode": "replace",
        "/timeoutInMillis": "replace",
        "/tlsConfig/insecureSkipVerification": "replace",
        "/uri": "replace",
    },
    {"/timeoutInMillis": int, "/tlsConfig/insecureSkipVerification": bool},
    frozenset({"/integrationTarget"}),
)
INTEGRATION_RESPONSE = Paths(
    {
        "/contentHandling": "replace",
        "/responseParameters/{name}": _ANY,
        "/responseTemplates/{name}": _ANY,
        "/selectionPattern": "replace",
    }
)
AUTHORIZER = Paths(
    {
        "/authType": "replace",
        "/authorizerUri": "replace",
        "/authorizerCredentials": "replace",
        "/authorizerResultTtlInSeconds": "replace",
        "/identitySource": _ANY,
        "/identityValidationExpression": "replace",
        "/name": "replace",
        "/providerARNs": "add remove",
        "/type": "replace",
    },
    {"/authorizerResultTtlInSeconds": int, "/identitySource": list, "/providerARNs": list},
    needed=frozenset({"/name", "/type"}),
)
MODEL = Paths({"/description": "replace", "/schema": "replace"})
VALIDATOR = Paths(
    {"/name": "replace", "/validateRequestBody": "replace", "/validateRequestParameters": "replace"},
    {"/validateRequestBody": bool, "/validateRequestParameters": bool},
)
GATEWAY_RESPONSE = Paths(
    {"/statusCode": "replace", "/responseParameters/{name}": _ANY, "/responseTemplates/{name}": _ANY}
)
RESOURCE = Paths(
    {"/parentId": "replace", "/pathPart": "replace"},
    needed=frozenset({"/parentId", "/pathPart"}),
)
REST_API = Paths(
    {
        "/apiKeySource": "replace",
        "/binaryMediaTypes/{item}": _ANY,
        "/description": _ANY,
        "/disableExecuteApiEndpoint": "replace",
        "/endpointConfiguration/types/{item}": "replace",
        "/endpointConfiguration/vpcEndpointIds": "add remove",
        "/endpointConfiguration/ipAddressType": "replace",
        "/endpointAccessMode": "replace",
        "/minimumCompressionSize": "replace",
        "/name": "replace",
        "/securityPolicy": "replace",
        "/version": "replace",
    },
    {
        "/disableExecuteApiEndpoint": bool,
        "/endpointConfiguration/vpcEndpointIds": list,
        "/minimumCompressionSize": int,
    },
    frozenset({"/policy"}),
    frozenset({"/name", "/disableExecuteApiEndpoint"}),
)
DEPLOYMENT = Paths({"/description": "replace"})
STAGE = Paths(
    {
        "/accessLogSettings": "remove",
        "/accessLogSettings/destinationArn": _ANY,
        "/accessLogSettings/format": _ANY,
        "/cacheClusterEnabled": "replace",
        "/cacheClusterSize": "replace",
        "/clientCertificateId": "replace",
        "/deploymentId": "replace",
        "/description": "replace",
        "/documentationVersion": "replace",
        "/variables": "remove",
        "/variables/{name}": _ANY,
        "/tracingEnabled": "replace",
    },
    {"/cacheClusterEnabled": bool, "/tracingEnabled": bool},
)
ACCOUNT = Paths({"/cloudwatchRoleArn": "replace", "/features": "add remove"}, {"/features": list})
API_KEY = Paths(
    {"/customerId": "replace", "/description": "replace", "/enabled": "replace", "/name": "replace"},
    {"/enabled": bool},
    frozenset({"/labels", "/stages"}),
)
USAGE_PLAN = Paths(
    {
        "/description": "replace",
        "/name": "replace",
        "/productCode": _ANY,
        "/quota": "remove",
        "/quota/limit": "add replace",
        "/quota/offset": "add replace",
        "/quota/period": "add replace",
        "/throttle": "remove",
        "/throttle/burstLimit": "add replace",
        "/throttle/rateLimit": "add replace",
    },
    {"/quota/limit": int, "/quota/offset": int, "/throttle/burstLimit": int, "/throttle/rateLimit": float},
)


def patches_of(params: Params) -> list[Params]:
    return list(params.get("patchOperations") or ())


def patched(document: Mapping[str, Any], patches: Sequence[Params], paths: Paths) -> Params:
    """The document with all patches applied. Raises Invalid or Unsupported for the first that cannot be."""
    result: Params = msgspec.json.decode(msgspec.json.encode(document))
    for patch in patches:
        op, path, value = patch.get("op", ""), patch.get("path", ""), patch.get("value")
        pattern = paths.pattern(op, path)
        kind = paths.types.get(pattern, str)
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
        if pattern.endswith("{item}"):
            *parents, name = parents
            holder = _holder(result, parents)
            holder[name] = _with_item(holder.get(name) or [], op, last, value)
        elif kind is list:
            holder = _holder(result, parents)
            holder[last] = _with_value(holder.get(last) or [], op, value)
        elif not value and pattern in paths.needed:
            raise Invalid(f"Invalid patch value for path '{path}': it cannot be empty")
        elif op == "remove" or value is None:
            _holder(result, parents).pop(last, None)
        else:
            _holder(result, parents)[last] = typed(kind, path, value)
    return result


def _holder(document: Params, parents: Sequence[str]) -> Params:
    for part in parents:
        if not document.get(part):
            document[part] = {}
        document = document[part]
    return document


def _with_item(held: list[Any], op: str, item: str, value: str | None) -> list[Any]:
    """The path names the item, or its place."""
    if item.isdigit() and int(item) < len(held):
        item = held[int(item)]
    if op == "replace" and value:
        return [value if one == item else one for one in held] if item in held else [*held, value]
    kept = [one for one in held if one != item]
    return kept if op == "remove" else [*kept, item]


def _with_value(held: list[Any], op: str, value: str | None) -> list[Any]:
    if op == "replace":
        return [] if value is None else [value]
    kept = [] if value is None else [one for one in held if one != value]
    return kept if op == "remove" or value is None else [*kept, value]


def typed(kind: type[Any], path: str, value: str) -> Any:
    """A patch's value, which is always text, as what it stands for. Raises Invalid."""
    if kind is bool:
        if value.lower() not in ("true", "false"):
            raise Invalid(f"Invalid patch value '{value}' specified for path '{path}'. Must be one of: [true, false]")
        return value.lower() == "true"
    try:
        return kind(value)
    except ValueError as error:
        raise Invalid(f"Invalid patch value '{value}' specified for path '{path}'. Must be a number") from error


def patched_struct(part: T, patches: Sequence[Params], paths: Paths) -> T:
    try:
        return msgspec.convert(patched(msgspec.to_builtins(part), patches, paths), type(part), strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"Invalid patch: {error}") from error
