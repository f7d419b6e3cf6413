"""The one door: a path becomes an `Application`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayfly.app import compose, sam
from dayfly.app.application import Application, FunctionName
from dayfly.app.public_layers import supplied
from dayfly.app.report import Report
from dayfly.app.serverless import Service, compile_service, conditional
from dayfly.app.serverless.constructs import construct_door
from dayfly.app.serverless.plugins import names_in
from dayfly.app.variables import Doors, Options, Resolver
from dayfly.app.variables.sources import MISSING, evaluate, read_dotenv
from dayfly.app.yaml import ApplicationError, Map, mark_of, read

SERVERLESS_FILES = tuple(f"serverless.{suffix}" for suffix in ("yml", "yaml", "json", "ts", "js", "mjs", "cjs"))
TEMPLATE_FILES = ("template.yaml", "template.yml", "template.json")


def load(
    path: Path,
    *,
    stage: str | None = None,
    region: str | None = None,
    account: str = "000000000000",
    params: Mapping[str, str] | None = None,
    name: str | None = None,
    default_region: str = "us-east-1",
    environment: Mapping[str, str] | None = None,
    doors: Doors | None = None,
    cache: Path | None = None,
) -> Application:
    """Read an application: a directory, or a `serverless.yml` or template itself. Raises ApplicationError.

    `stage` and `region` are what the user said; None lets the application decide (`provider.stage`, `provider.region`),
    then "dev" and `default_region`. Blocking (files, sometimes `node`): call it in a thread. `cache` keeps tools that
    evaluating a TypeScript configuration needs.
    """
    file = find(path)
    options = Options(
        stage=stage or "dev",
        region=region or default_region,
        account=account,
        opt={key: value for key, value in (("stage", stage), ("region", region)) if value is not None},
        params=params or {},
        environment=environment if environment is not None else dict(os.environ),  # at the edge: ${env:…} means these
        cache=cache,
    )
    content = _content(file, options)
    if not isinstance(content, Map):
        raise ApplicationError(f"{file.name} holds no application", file, 1)
    template = "Resources" in content and ("Transform" in content or "AWSTemplateFormatVersion" in content)
    if (file.name.startswith("serverless.") and not template) or ("service" in content and "provider" in content):
        made = _serverless(file, content, options, doors or Doors(), stage, region, name)
        return supplied(made, _kept(cache))
    if "Resources" in content or "Transform" in content or "AWSTemplateFormatVersion" in content:
        return supplied(sam.load(file, content, options, doors or Doors(), name), _kept(cache))
    raise ApplicationError(
        f"{file.name} is neither a serverless.yml (no `service` and `provider`) nor a template (no `Resources`)",
        file,
        1,
    )


def _kept(cache: Path | None) -> Path:
    """Where manifests that belong to no application are kept."""
    return cache if cache is not None else Path(tempfile.gettempdir()) / "dayfly"


def find(path: Path) -> Path:
    """The application's file at or in a path. Raises ApplicationError."""
    path = path.absolute()
    if path.is_file():
        return path
    if not path.exists():
        raise ApplicationError(f"{path} does not exist")
    for name in (*SERVERLESS_FILES, *TEMPLATE_FILES):
        if (path / name).is_file():
            return path / name
    if compose.find(path) is not None:
        raise ApplicationError(f"{path} holds several services: name one of them, or start all with dayfly dev {path}")
    raise ApplicationError(f"{path} holds no application: there is no serverless.yml and no template.yaml")


def _content(file: Path, options: Options) -> Any:
    if file.suffix in (".ts", ".js", ".mjs", ".cjs"):
        return evaluate(file, options)
    return read(file)


def _serverless(
    file: Path, document: Map, options: Options, doors: Doors, stage: str | None, region: str | None, name: str | None
) -> Application:
    if isinstance(document.get("provider"), str):  # `provider: aws` is short for `provider: {name: aws}`
        provider = Map(mark_of(document, "provider"))
        provider["name"] = document["provider"]
        document["provider"] = provider
    resolver = Resolver(document, file.parent, options, doors)
    resolver.files.add(file)
    resolver.construct = construct_door(document)
    resolver.instance_id = "dayfly"
    # Up to version 2, whose files still abound, the framework only warned of variables without a value.
    resolver.lenient = re.match(r"[\s^~>=<v]*[12](\D|$)", str(document.get("frameworkVersion") or "")) is not None
    _decide(resolver, stage, region)
    if conditional.PLUGIN in _plugins(resolver):
        conditional.apply(resolver)
    report = Report()
    service = Service(resolver, file.parent, report)
    template = compile_service(service)
    for why, mark in resolver.unset.items():
        report.warning(why, mark)
    stack = name or service.provider.get("stackName") or f"{service.name}-{service.stage}"
    return Application(
        name=str(stack),
        stage=service.stage,
        region=resolver.options.region,
        account=options.account,
        format="serverless",
        path=file,
        template=template,
        code=service.code,
        functions={
            key: FunctionName(name=function.name, logical_id=function.id) for key, function in service.functions.items()
        },
        origins=service.origins,
        items=tuple(report.items),
        seeds=service.seeds,
        files=tuple(sorted({*resolver.files, *(seed.file for seed in service.seeds)})),
    )


def _decide(resolver: Resolver, stage: str | None, region: str | None) -> None:
    """Settle stage and region, which other variables need, and read `.env` files, which may depend on the stage."""
    import msgspec.structs

    named = _plugins(resolver)
    frameworks = str(resolver.document.get("frameworkVersion") or "")
    if resolver.document.get("useDotenv") or "serverless-dotenv-plugin" in named or "4" in frameworks[:3]:
        values, files = read_dotenv(resolver.directory, resolver.options.stage)
        resolver.environment = {**values, **resolver.environment}
        resolver.files.update(files)
    decided: dict[str, str] = {}
    for key, said in (("stage", stage), ("region", region)):
        found = said or _text(resolver.value(f"provider.{key}"))
        if found:
            decided[key] = found
    resolver.options = msgspec.structs.replace(resolver.options, **decided)
    resolver.forget()


def _plugins(resolver: Resolver) -> list[str]:
    plugins = resolver.document.get("plugins")
    return names_in(plugins) if isinstance(plugins, list | Map) else []


def _text(value: Any) -> str:
    return "" if value is MISSING or value is None else str(value)
