"""Where moto is stricter than AWS. Runs inside the child process (see `inside.py`): standard library and moto only."""

from __future__ import annotations

import json


def judge_buckets_fairly() -> None:
    """moto takes a statement whose condition or principal it cannot judge for one that holds: a policy that refuses
    requests without TLS, or by anybody but a role, would refuse all. Such statements are left out."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: FakeBucket, action: str, resource: str) -> object:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        statements = json.loads(bucket.policy).get("Statement") or []
        judged = [one for one in (statements if isinstance(statements, list) else [statements]) if _is_judged(one)]
        return IAMPolicy(json.dumps({"Statement": judged})).is_action_permitted(action, resource)

    FakeBucket.get_permission = permission  # type: ignore[method-assign, assignment]


def _is_judged(statement: dict[str, object]) -> bool:
    return not statement.get("Condition") and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})


def read_definitions_as_aws_does() -> None:
    """moto refuses errors of one's own that begin with `States.`, and distributed maps of express executions; both run
    on AWS. Such a map's items are run as standard executions here."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    CustomErrorName.__init__ = ErrorName.__init__  # type: ignore[method-assign]
    parse = AmazonStateLanguageParser.parse

    def lenient(definition: str) -> object:
        try:
            readable = json.dumps(_standard(json.loads(definition)))
        except ValueError:
            readable = definition  # moto says what is wrong with it
        return parse(readable)

    AmazonStateLanguageParser.parse = staticmethod(lenient)  # type: ignore[assignment, method-assign]


def _standard(node: object) -> object:
    if isinstance(node, list):
        return [_standard(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _standard(value) for key, value in node.items()}
    config = made.get("ProcessorConfig")
    if isinstance(config, dict) and config.get("ExecutionType") == "EXPRESS":
        made["ProcessorConfig"] = {**config, "ExecutionType": "STANDARD"}
    return made
