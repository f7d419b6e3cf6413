"""What serverless-dynamodb and serverless-dynamodb-local put into tables when they start.

https://github.com/raisenational/serverless-dynamodb#seeding-serverless-dynamodb-seed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dayfly.app.seeds import Seed
from dayfly.app.serverless.service import Service
from dayfly.app.yaml import ApplicationError, mark_of

PLUGINS = frozenset({"serverless-dynamodb", "serverless-dynamodb-local"})
_SECTIONS = ("dynamodb", "serverless-dynamodb")
_KINDS = (("sources", False), ("rawsources", True))


def seeds_of(service: Service) -> tuple[Seed, ...]:
    """The files to put into new tables; what is not switched on is reported. Raises ApplicationError."""
    found: list[Seed] = []
    for section in _SECTIONS if PLUGINS & set(service.plugins) else ():
        categories = service.custom(f"{section}.seed")
        if not categories:
            continue
        if not isinstance(categories, Mapping):
            raise ApplicationError.at(f"custom.{section}.seed must be a mapping of categories", mark_of(categories))
        if why := _not_wanted(service, section):
            service.report.ignored(f"custom.{section}.seed: {why}", mark_of(categories))
            continue
        wanted = str(service.custom(f"{section}.start.seed"))
        names = list(categories) if wanted.lower() == "true" else [name.strip() for name in wanted.split(",")]
        for name in names:
            category = categories.get(name)
            if not isinstance(category, Mapping):
                mark = mark_of(categories, name)
                raise ApplicationError.at(f"custom.{section}.seed has no category {name}", mark)
            found += _of_category(service, category)
    return tuple(found)


def _not_wanted(service: Service, section: str) -> str:
    """Why the plugin would not do it by itself; empty where it would."""
    if not service.custom(f"{section}.start.seed"):
        return f"no items are put into tables, since custom.{section}.start.seed is not true"
    stages = service.custom(f"{section}.stages")
    if isinstance(stages, list) and service.stage not in stages:
        return f"no items are put into tables, since {service.stage} is not among custom.{section}.stages"
    return ""


def _of_category(service: Service, category: Mapping[str, Any]) -> Iterator[Seed]:
    listed = category.get("sources") or []
    for index, source in enumerate(listed if isinstance(listed, list) else [listed]):
        mark = mark_of(source) or mark_of(listed, index)
        if not isinstance(source, Mapping) or not isinstance(source.get("table"), str):
            raise ApplicationError.at("a source of seeds names no table", mark)
        for key, marshalled in _KINDS:
            files = source.get(key) or []
            for file in files if isinstance(files, list) else [files]:
                path = (service.directory / str(file)).resolve()
                place = mark_of(source, key) or mark
                yield Seed(table=source["table"], file=path, marshalled=marshalled, mark=place)
