"""Dynamic references: `{{resolve:…}}` in properties stands for what Parameter Store or Secrets Manager keeps.

They are looked up when a resource is made or changed, never when its template is read.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.app.resources import Site
from dayfly.errors import NOT_JSON

_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}")


async def filled(site: Site, value: Any) -> tuple[Any, list[str]]:
    """The value with its references replaced, and the references that lead to nothing, which stay."""
    found: dict[str, str | None] = {}
    for reference in _references(value):
        if reference[0] not in found:
            found[reference[0]] = await _value(site, reference)
    if not found:
        return value, []
    known = {text: replacement for text, replacement in found.items() if replacement is not None}
    return _replaced(value, known), [text for text in found if text not in known]


def _references(value: Any) -> list[re.Match[str]]:
    match value:
        case str():
            return list(_REFERENCE.finditer(value)) if "{{resolve:" in value else []
        case dict():
            return [one for inner in value.values() for one in _references(inner)]
        case list():
            return [one for inner in value for one in _references(inner)]
    return []


def _replaced(value: Any, known: dict[str, str]) -> Any:
    match value:
        case str():
            return _REFERENCE.sub(lambda match: known.get(match[0], match[0]), value) if "{{" in value else value
        case dict():
            return {key: _replaced(inner, known) for key, inner in value.items()}
        case list():
            return [_replaced(inner, known) for inner in value]
    return value


async def _value(site: Site, reference: re.Match[str]) -> str | None:
    kind, rest = reference[1], reference[2].strip()
    try:
        if kind == "secretsmanager":
            return await _secret(site, rest)
        answer = await site.do("ssm", "GetParameter", Name=rest, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    except Refused:
        return None


async def _secret(site: Site, rest: str) -> str | None:
    """`id:SecretString:key:stage:version`, of which only the id must be there; an ARN has colons itself."""
    parts = rest.split(":")
    named = 7 if rest.startswith("arn:") else 1
    _, key, stage, version = (*parts[named:], "", "", "", "")[:4]
    answer = await site.do(
        "secretsmanager",
        "GetSecretValue",
        SecretId=":".join(parts[:named]),
        VersionStage=stage or None,
        VersionId=version or None,
    )
    text = answer.get("SecretString")
    if text is None or not key:
        return text
    try:
        found = msgspec.json.decode(text)[key]
    except (*NOT_JSON, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()
