"""Creating and changing functions, versions, aliases and layers: plain transitions on the catalogue.

Each method answers what AWS answers with, and the changes to commit. Nothing here waits; code is on disk before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.functions.catalogue import Catalogue, Held
from dayfly.functions.checks import check_configuration, check_name
from dayfly.functions.errors import Conflict, FunctionNotFound, InvalidParameter, NotFound, PreconditionFailed
from dayfly.functions.model import (
    Alias,
    Configuration,
    EventInvokeConfig,
    Function,
    LayerVersion,
    Policy,
    UrlConfig,
)
from dayfly.functions.names import LATEST, FunctionName, function_arn, read_layer
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.store import Change, Changes

replace = msgspec.structs.replace


class Publisher:
    def __init__(self, *, catalogue: Catalogue, clock: Clock, ids: Ids) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._ids = ids

    # Functions and versions

    def create(
        self, scope: Scope, name: str, configuration: Configuration, tags: Mapping[str, str], *, publish: bool
    ) -> tuple[Configuration, Changes]:
        """Raises Conflict, InvalidParameter, ValidationFailed."""
        check_name(name)
        if self._catalogue.find(scope, name):
            raise Conflict(f"Function already exist: {name}")
        check_configuration(configuration)
        self._check_layers(scope, configuration)
        changes: list[Change] = [self._catalogue.put_function(scope, Function(name=name, tags=dict(tags)))]
        fresh = self._stamped(configuration)
        changes.append(self._catalogue.put_version(scope, name, fresh))
        if publish:
            fresh, more = self.publish(FunctionName(scope, name, None), None, None, None)
            changes.extend(more)
        return fresh, changes

    def update(
        self, name: FunctionName, fields: Mapping[str, Any], revision_id: str | None, *, publish: bool = False
    ) -> tuple[Configuration, Changes]:
        """Change fields of `$LATEST`. Raises FunctionNotFound, PreconditionFailed, InvalidParameter …"""
        held = self._catalogue.get(name)
        _check_revision(revision_id, held.latest.revision_id)
        changed = replace(held.latest, **fields)
        check_configuration(changed)
        self._check_layers(name.scope, changed)
        fresh = self._stamped(changed)
        changes = [self._catalogue.put_version(name.scope, name.name, fresh)]
        if publish:
            fresh, more = self.publish(FunctionName(name.scope, name.name, None), None, None, None)
            changes.extend(more)
        return fresh, changes

    def publish(
        self, name: FunctionName, description: str | None, code_sha256: str | None, revision_id: str | None
    ) -> tuple[Configuration, Changes]:
        """Freeze `$LATEST` as the next version; the newest version is answered where nothing changed since."""
        held = self._catalogue.get(name)
        latest = held.latest
        _check_revision(revision_id, latest.revision_id)
        if code_sha256 and code_sha256 != latest.code.sha256:
            raise InvalidParameter(
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({latest.code.sha256}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        earlier = held.published()
        if earlier and earlier[-1].generation == latest.generation:
            return earlier[-1], ()
        number = held.function.next_version
        version = replace(
            latest,
            version=str(number),
            description=latest.description if description is None else description,
            revision_id=self._ids.uuid(),
        )
        kept = self._catalogue.put_function(name.scope, replace(held.function, next_version=number + 1))
        return version, [kept, self._catalogue.put_version(name.scope, name.name, version)]

    def delete(self, name: FunctionName) -> Changes:
        """The whole function, or one version where a qualifier names it."""
        held = self._catalogue.get(name)
        if name.qualifier is None:
            return self._catalogue.drop_function(name.scope, name.name)
        if name.qualifier == LATEST:
            raise InvalidParameter("$LATEST version cannot be deleted without deleting the function.")
        if name.qualifier not in held.versions:
            if name.qualifier in held.function.aliases:
                raise InvalidParameter("Deletion of aliases is not currently supported.")
            return ()
        users = [alias for alias in held.function.aliases.values() if name.qualifier in {alias.version, *alias.weights}]
        if users:
            arns = ", ".join(f"{held.arn}:{alias.name}" for alias in users)
            raise Conflict(f"Unable to delete version because the following aliases reference it: [{arns}]")
        return [self._catalogue.drop_version(name.scope, name.name, name.qualifier)]

    # Aliases

    def create_alias(self, name: FunctionName, alias: Alias) -> tuple[Alias, Changes]:
        held = self._catalogue.get(name)
        if alias.name in held.function.aliases:
            raise Conflict(f"Alias already exists: {held.arn}:{alias.name}")
        return self._put_alias(held, alias)

    def update_alias(
        self, name: FunctionName, alias: str, fields: Mapping[str, Any], revision_id: str | None
    ) -> tuple[Alias, Changes]:
        held = self._catalogue.get(name)
        before = alias_of(held, alias)
        _check_revision(revision_id, before.revision_id)
        return self._put_alias(held, replace(before, **fields))

    def delete_alias(self, name: FunctionName, alias: str) -> Changes:
        held = self._catalogue.get(name)
        if alias not in held.function.aliases:
            return ()
        rest = {key: value for key, value in held.function.aliases.items() if key != alias}
        return [self._catalogue.put_function(held.scope, replace(held.function, aliases=rest))]

    def _put_alias(self, held: Held, alias: Alias) -> tuple[Alias, Changes]:
        for version in (alias.version, *alias.weights):
            if version not in held.versions:
                raise FunctionNotFound(f"{held.arn}:{version}")
        if len(alias.weights) > 1 or LATEST in {*alias.weights, *([alias.version] if alias.weights else [])}:
            raise InvalidParameter("An alias may share its traffic with one further version; $LATEST is not allowed.")
        fresh = replace(alias, revision_id=self._ids.uuid())
        aliases = {**held.function.aliases, alias.name: fresh}
        return fresh, [self._catalogue.put_function(held.scope, replace(held.function, aliases=aliases))]

    # What hangs on a function

    def set_reserved(self, name: FunctionName, reserved: int | None) -> Changes:
        held = self._catalogue.get(name)
        return [self._catalogue.put_function(name.scope, replace(held.function, reserved=reserved))]

    def set_tags(self, name: FunctionName, tags: Mapping[str, str]) -> Changes:
        held = self._catalogue.get(name)
        return [self._catalogue.put_function(name.scope, replace(held.function, tags=dict(tags)))]

    def put_url(self, name: FunctionName, url: UrlConfig | None) -> Changes:
        held = self._qualified(name)
        urls = _with(held.function.urls, name.qualifier or "", url)
        return [self._catalogue.put_function(name.scope, replace(held.function, urls=urls))]

    def put_invoke_config(self, name: FunctionName, config: EventInvokeConfig | None) -> Changes:
        held = self._qualified(name)
        configs = _with(held.function.invoke_configs, _plain(name.qualifier), config)
        return [self._catalogue.put_function(name.scope, replace(held.function, invoke_configs=configs))]

    def put_provisioned(self, name: FunctionName, amount: int | None) -> Changes:
        held = self._qualified(name)
        amounts = _with(held.function.provisioned, name.qualifier or "", amount)
        return [self._catalogue.put_function(name.scope, replace(held.function, provisioned=amounts))]

    def add_permission(
        self, name: FunctionName, sid: str, statement: dict[str, Any], revision_id: str | None
    ) -> Changes:
        held = self._qualified(name)
        policy = held.function.policies.get(name.qualifier or "", Policy())
        _check_revision(revision_id, policy.revision_id)
        if sid in policy.statements:
            raise Conflict(_taken(sid))
        return self._put_policy(held, name, {**policy.statements, sid: statement})

    def remove_permission(self, name: FunctionName, sid: str, revision_id: str | None) -> Changes:
        held = self._qualified(name)
        policy = held.function.policies.get(name.qualifier or "", Policy())
        _check_revision(revision_id, policy.revision_id)
        if sid not in policy.statements:
            raise NotFound(f"Statement {sid} is not found in resource policy.")
        return self._put_policy(held, name, {key: value for key, value in policy.statements.items() if key != sid})

    def _put_policy(self, held: Held, name: FunctionName, statements: dict[str, dict[str, Any]]) -> Changes:
        policy = Policy(statements=statements, revision_id=self._ids.uuid()) if statements else None
        policies = _with(held.function.policies, name.qualifier or "", policy)
        return [self._catalogue.put_function(name.scope, replace(held.function, policies=policies))]

    def _qualified(self, name: FunctionName) -> Held:
        if name.qualifier:
            self._catalogue.configuration(name)
        return self._catalogue.get(name)

    # Layers

    def publish_layer(self, scope: Scope, layer: LayerVersion) -> tuple[LayerVersion, Changes]:
        """Keep this under the layer's next number."""
        number = self._catalogue.next_layer_version(scope, layer.name)
        fresh = replace(layer, version=number, created_ms=self._clock.now_ms())
        return fresh, self._catalogue.put_layer_version(scope, fresh)

    def delete_layer_version(self, scope: Scope, name: str, version: int) -> Changes:
        return self._catalogue.drop_layer_version(scope, name, version)

    def set_layer_statement(
        self, scope: Scope, name: str, version: int, sid: str, statement: dict[str, Any] | None
    ) -> tuple[Policy, Changes]:
        """Add a statement to a layer version's policy, or take it away (None)."""
        layer = self._catalogue.layer_version(scope, name, version)
        if statement is not None and sid in layer.policy.statements:
            raise Conflict(_taken(sid))
        if statement is None and sid not in layer.policy.statements:
            raise NotFound(f"Statement {sid} is not found in resource policy.")
        policy = Policy(statements=_with(layer.policy.statements, sid, statement), revision_id=self._ids.uuid())
        return policy, self._catalogue.put_layer_version(scope, replace(layer, policy=policy))

    def _check_layers(self, scope: Scope, configuration: Configuration) -> None:
        for arn in configuration.layers:
            layer = read_layer(scope, arn)
            if layer.version is None:
                raise InvalidParameter(f"Layer version ARN expected, not {arn}")
            # A layer of another account cannot be had here; the function says so in its log when it starts.
            if layer.scope.account == scope.account and not self._catalogue.find_layer_version(
                *layer[:2], layer.version
            ):
                raise InvalidParameter(f"Layer version {arn} does not exist.")

    def _stamped(self, configuration: Configuration) -> Configuration:
        return replace(
            configuration,
            version=LATEST,
            modified_ms=self._clock.now_ms(),
            revision_id=self._ids.uuid(),
            generation=self._ids.token(10),
        )


def alias_of(held: Held, name: str) -> Alias:
    """Raises NotFound."""
    found = held.function.aliases.get(name)
    if found is None:
        raise NotFound(f"Cannot find alias arn: {function_arn(held.scope, held.name)}:{name}")
    return found


def _plain(qualifier: str | None) -> str:
    return "" if qualifier in (None, LATEST) else str(qualifier)


def _with(mapping: Mapping[str, Any], key: str, value: object) -> dict[str, Any]:
    rest = {name: held for name, held in mapping.items() if name != key}
    return rest if value is None else {**rest, key: value}


def _check_revision(given: str | None, actual: str) -> None:
    if given and given != actual:
        raise PreconditionFailed


def _taken(sid: str) -> str:
    return (
        f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing "
        "statement."
    )
