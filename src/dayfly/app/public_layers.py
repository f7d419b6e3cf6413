"""Layers that their makers publish for everybody on AWS: their content is built here from the same packages.

A function names such a layer by the ARN of another account. Where the ARN says which packages it stands for, a layer
of the stack with these packages takes its place; any other ARN stays, and the function says that it is missing.
https://docs.powertools.aws.dev/lambda/python/latest/getting-started/install/,
https://docs.powertools.aws.dev/lambda/typescript/latest/getting-started/lambda-layers/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from dayfly.app.application import Application
from dayfly.app.code import CodeSource

_NODE_PARTS = ("batch", "commons", "idempotency", "logger", "metrics", "parameters", "tracer")
_NODE_PEERS = ("@middy/core",)


class _Public(msgspec.Struct, frozen=True):
    pattern: str
    language: Literal["python", "nodejs"]
    packages: tuple[str, ...]


def _typescript(version: str) -> tuple[str, ...]:
    return tuple(f"@aws-lambda-powertools/{part}@{version}" for part in _NODE_PARTS)


_TABLE = (
    _Public(r":layer:AWSLambdaPowertoolsPythonV3", "python", ("aws-lambda-powertools[all]>=3,<4",)),
    _Public(r":layer:AWSLambdaPowertoolsPythonV2", "python", ("aws-lambda-powertools[all]>=2,<3",)),
    _Public(r":layer:AWSLambdaPowertoolsPython", "python", ("aws-lambda-powertools[all]>=1,<2",)),
    _Public(r":layer:AWSLambdaPowertoolsTypeScriptV2", "nodejs", _typescript("^2")),
    _Public(r":layer:AWSLambdaPowertoolsTypeScript", "nodejs", _typescript("^1")),
    _Public(r":layer:AWSSDKPandas-Python", "python", ("awswrangler",)),
    _Public(r":layer:Klayers-p(?:ython)?[\d.]+-(?P<package>[\w-]+)", "python", ("{package}",)),
)


def supplied(application: Application, directory: Path) -> Application:
    """The application with layers of its own in the place of public ones; `directory` keeps their manifests."""
    resources: dict[str, Any] = application.template.get("Resources") or {}
    added: dict[str, Any] = {}
    code: dict[str, CodeSource] = {}
    for resource in resources.values():
        properties = resource.get("Properties")
        if resource.get("Type") != "AWS::Lambda::Function" or not isinstance(properties, dict):
            continue
        layers = properties.get("Layers")
        if isinstance(layers, list):
            properties["Layers"] = [_replaced(one, application, directory, added, code) for one in layers]
    resources.update(added)
    return msgspec.structs.replace(application, code={**application.code, **code}) if code else application


def _replaced(
    layer: Any, application: Application, directory: Path, added: dict[str, Any], code: dict[str, CodeSource]
) -> Any:
    text = _text(layer, application.parameters)
    for public in _TABLE:
        found = re.search(public.pattern, text)
        if found is not None:
            packages = tuple(one.format(**found.groupdict()) for one in public.packages)
            name = "PublicLayer" + re.sub(r"\W|_", "", found[0].rpartition(":")[2])
            if name not in added:
                added[name] = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {}}}
                code[name] = _source(name, public.language, packages, directory)
            return {"Ref": name}
    return layer


def _text(layer: Any, parameters: Mapping[str, str]) -> str:
    if isinstance(layer, dict) and isinstance(name := layer.get("Ref"), str):
        return parameters.get(name, "")
    if isinstance(layer, dict) and "Fn::Join" in layer:
        separator, parts = layer["Fn::Join"]
        if isinstance(parts, list):
            return str(separator).join(_text(part, parameters) for part in parts)
    return layer if isinstance(layer, str) else json.dumps(layer, default=str)


def _source(name: str, language: str, packages: tuple[str, ...], directory: Path) -> CodeSource:
    """A directory with nothing but the manifest, under the name of its content."""
    if language == "python":
        file, text = "requirements.txt", "".join(f"{one}\n" for one in packages)
    else:
        wanted = dict(one.rsplit("@", 1) for one in packages) | dict.fromkeys(_NODE_PEERS, "*")
        file, text = "package.json", json.dumps({"name": name.lower(), "dependencies": wanted})
    place = directory / "public-layers" / hashlib.sha256(text.encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    (place / file).write_text(text, encoding="utf-8")
    return CodeSource(
        logical_id=name,
        kind="layer",
        method="pip" if language == "python" else "npm",
        path=place,
        manifest=place / file,
        into=language,
        runtime=language,
    )
