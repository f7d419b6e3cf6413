"""Lambda: functions, versions, aliases, concurrency and tags.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dayfly.api import Params
from dayfly.api.lambda_shapes import (
    alias_shape,
    configuration_of,
    new_configuration,
    page,
    read_kept,
    read_settings,
    read_source,
)
from dayfly.errors import Unsupported
from dayfly.functions.catalogue import Held
from dayfly.functions.errors import InvalidParameter
from dayfly.functions.model import Alias, Configuration
from dayfly.functions.names import LATEST, FunctionName, read_function
from dayfly.functions.publish import alias_of
from dayfly.functions.service import Functions
from dayfly.identity import Caller

ACCOUNT_CONCURRENCY = 1000
CODE_PATH = "/_dayfly/code"
"""`GET <endpoint>/_dayfly/code/<account>/<region>/<function>/<version>` serves a function's zip."""


class LambdaFunctions:
    def __init__(
        self, functions: Functions, endpoint: str, permission: Callable[[str], str] = lambda _path: ""
    ) -> None:
        """`permission` gives the query that lets anybody fetch a path of the endpoint, as AWS's presigned URLs do."""
        self._functions = functions
        self._endpoint = endpoint
        self._permission = permission

    def _location(self, path: str) -> str:
        return f"{self._endpoint}{path}{self._permission(path)}"

    def _named(self, caller: Caller, params: Params) -> FunctionName:
        return read_function(caller.scope, params["FunctionName"], params.get("Qualifier"))

    def _unqualified(self, caller: Caller, params: Params) -> FunctionName:
        return self._named(caller, params)._replace(qualifier=None)

    def _shown(self, name: FunctionName, version: Configuration, qualifier: str | None) -> Params:
        return configuration_of(self._functions.held(name), version, qualifier, self._functions.catalogue)

    async def create_function(self, caller: Caller, params: Params) -> Params:
        if params.get("CodeSigningConfigArn"):
            raise Unsupported("Code signing (CodeSigningConfigArn) is not supported.")
        name = read_function(caller.scope, params["FunctionName"])
        created = await self._functions.create(
            caller.scope,
            name.name,
            new_configuration(params),
            read_source(params["Code"]),
            tags=params.get("Tags"),
            publish=bool(params.get("Publish")),
        )
        return self._shown(name, created, _published(created))

    async def get_function(self, caller: Caller, params: Params) -> Params:
        name = self._named(caller, params)
        held = self._functions.held(name)
        version = self._functions.catalogue.configuration(name)
        await self._functions.settled()
        where = f"{name.scope.account}/{name.scope.region}/{held.name}/{version.version}"
        answer: Params = {
            "Configuration": self._shown(name, version, name.qualifier),
            "Code": {"RepositoryType": "S3", "Location": self._location(f"{CODE_PATH}/{where}")},
        }
        if held.function.tags:
            answer["Tags"] = dict(held.function.tags)
        if held.function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": held.function.reserved}
        return answer

    async def get_function_configuration(self, caller: Caller, params: Params) -> Params:
        name = self._named(caller, params)
        version = self._functions.catalogue.configuration(name)
        await self._functions.settled()
        return self._shown(name, version, name.qualifier)

    async def list_functions(self, caller: Caller, params: Params) -> Params:
        await self._functions.settled()
        listed: list[tuple[Held, Configuration, str | None]] = []
        for held in self._functions.catalogue.functions(caller.scope):
            if params.get("FunctionVersion") == "ALL":
                listed += [(held, version, version.version) for version in [held.latest, *held.published()]]
            else:
                listed.append((held, held.latest, None))
        catalogue = self._functions.catalogue
        return page(
            params,
            "Functions",
            listed,
            lambda item: f"{item[0].name}:{item[1].version}",
            lambda item: configuration_of(item[0], item[1], item[2], catalogue),
        )

    async def update_function_code(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        if params.get("DryRun"):
            return self._shown(name, self._functions.held(name).latest, None)
        architectures = params.get("Architectures") or [None]
        changed = await self._functions.update_code(
            name,
            read_source(params),
            architecture=architectures[0],
            revision_id=params.get("RevisionId"),
            publish=bool(params.get("Publish")),
        )
        return self._shown(name, changed, _published(changed))

    async def update_function_configuration(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        fields = read_settings(params)
        fields["kept"] = read_kept(params, self._functions.held(name).latest.kept)
        changed = await self._functions.update_configuration(name, fields, revision_id=params.get("RevisionId"))
        return self._shown(name, changed, None)

    async def delete_function(self, caller: Caller, params: Params) -> Params:
        await self._functions.delete(self._named(caller, params))
        return {"StatusCode": 204}

    async def get_account_settings(self, caller: Caller, params: Params) -> Params:
        held = self._functions.catalogue.functions(caller.scope)
        reserved = sum(each.function.reserved or 0 for each in held)
        sizes = {version.code.sha256: version.code.size for each in held for version in each.versions.values()}
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
                "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved,
            },
            "AccountUsage": {"TotalCodeSize": sum(sizes.values()), "FunctionCount": len(held)},
        }

    # Versions and aliases

    async def publish_version(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        version = await self._functions.publish_version(
            name,
            description=params.get("Description"),
            code_sha256=params.get("CodeSha256"),
            revision_id=params.get("RevisionId"),
        )
        return self._shown(name, version, version.version)

    async def list_versions_by_function(self, caller: Caller, params: Params) -> Params:
        held = self._functions.held(self._unqualified(caller, params))
        await self._functions.settled()
        catalogue = self._functions.catalogue
        return page(
            params,
            "Versions",
            [held.latest, *held.published()],
            lambda version: version.version,
            lambda version: configuration_of(held, version, version.version, catalogue),
        )

    async def create_alias(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        if params["Name"].isdigit():
            raise InvalidParameter(f"Alias name must not be a number: {params['Name']}")
        alias = Alias(
            name=params["Name"],
            version=params["FunctionVersion"],
            description=params.get("Description") or "",
            weights=_weights(params),
        )
        return alias_shape(self._functions.held(name), await self._functions.put_alias(name, alias))

    async def get_alias(self, caller: Caller, params: Params) -> Params:
        held = self._functions.held(self._unqualified(caller, params))
        await self._functions.settled()
        return alias_shape(held, alias_of(held, params["Name"]))

    async def update_alias(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        fields: dict[str, Any] = {}
        if params.get("FunctionVersion"):
            fields["version"] = params["FunctionVersion"]
        if "Description" in params:
            fields["description"] = params["Description"]
        if "RoutingConfig" in params:
            fields["weights"] = _weights(params)
        alias = await self._functions.update_alias(name, params["Name"], fields, params.get("RevisionId"))
        return alias_shape(self._functions.held(name), alias)

    async def delete_alias(self, caller: Caller, params: Params) -> Params:
        await self._functions.delete_alias(self._unqualified(caller, params), params["Name"])
        return {}

    async def list_aliases(self, caller: Caller, params: Params) -> Params:
        held = self._functions.held(self._unqualified(caller, params))
        await self._functions.settled()
        wanted = params.get("FunctionVersion")
        aliases = [a for _, a in sorted(held.function.aliases.items()) if wanted in (None, a.version)]
        return page(params, "Aliases", aliases, lambda alias: alias.name, lambda alias: alias_shape(held, alias))

    # Concurrency

    async def put_function_concurrency(self, caller: Caller, params: Params) -> Params:
        amount = params["ReservedConcurrentExecutions"]
        await self._functions.set_reserved(self._unqualified(caller, params), amount)
        return {"ReservedConcurrentExecutions": amount}

    async def get_function_concurrency(self, caller: Caller, params: Params) -> Params:
        reserved = self._functions.held(self._unqualified(caller, params)).function.reserved
        await self._functions.settled()
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    async def delete_function_concurrency(self, caller: Caller, params: Params) -> Params:
        await self._functions.set_reserved(self._unqualified(caller, params), None)
        return {}

    async def get_function_code_signing_config(self, caller: Caller, params: Params) -> Params:
        name = self._unqualified(caller, params)
        self._functions.held(name)
        return {"FunctionName": name.name}

    async def put_function_code_signing_config(self, caller: Caller, params: Params) -> Params:
        raise Unsupported("Code signing (PutFunctionCodeSigningConfig) is not supported.")

    # Tags

    def _tagged(self, caller: Caller, params: Params) -> FunctionName:
        name = read_function(caller.scope, params["Resource"])
        if name.qualifier:
            raise InvalidParameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return name

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        name = self._tagged(caller, params)
        await self._functions.set_tags(name, {**self._functions.held(name).function.tags, **params["Tags"]})
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        name = self._tagged(caller, params)
        gone = set(params["TagKeys"])
        tags = self._functions.held(name).function.tags
        await self._functions.set_tags(name, {key: value for key, value in tags.items() if key not in gone})
        return {}

    async def list_tags(self, caller: Caller, params: Params) -> Params:
        tags = self._functions.held(self._tagged(caller, params)).function.tags
        await self._functions.settled()
        return {"Tags": dict(tags)}


def _published(version: Configuration) -> str | None:
    return None if version.version == LATEST else version.version


def _weights(params: Params) -> dict[str, float]:
    return dict((params.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})
