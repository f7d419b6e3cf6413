"""The model's constraints, in AWS's words."""

from __future__ import annotations

import pytest

from dayfly.wire.coercion import coerced
from dayfly.wire.operations import Service, snake_case
from dayfly.wire.refusals import Rejected

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def refusal(service: str, operation: str, **params: object) -> Rejected:
    found = Service.load(service).operation(operation)
    assert found is not None
    with pytest.raises(Rejected) as caught:
        found.validate(params)
    return caught.value


def test_a_missing_member_must_not_be_null():
    error = refusal("lambda", "CreateFunction", FunctionName="f", Code={})
    assert error.code == "ValidationException"
    assert error.message == (
        "1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null"
    )


def test_several_problems_are_one_sentence():
    error = refusal(
        "lambda", "CreateFunction", FunctionName="f", Code={}, Role="arn:aws:iam::123456789012:role/r",
        Timeout=0, MemorySize=1, PackageType="Tar",
    )  # fmt: skip
    assert error.message.startswith("3 validation errors detected: ")
    assert (
        "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"
        in error.message
    )
    assert (
        "Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]"
        in error.message
    )


def test_retired_runtimes_are_no_business_of_the_models():
    found = Service.load("lambda").operation("CreateFunction")
    assert found is not None
    found.validate(
        {"FunctionName": "f", "Code": {}, "Role": "arn:aws:iam::123456789012:role/r", "Runtime": "nodejs6.10"}
    )


def test_query_services_call_it_a_validation_error():
    error = refusal("iam", "CreateRole", RoleName="not a name", AssumeRolePolicyDocument=TRUST)
    assert error.code == "ValidationError"
    assert "at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern" in error.message


def test_services_without_a_validation_exception_say_bad_request():
    assert refusal("apigatewayv2", "CreateApi", Name="a").code == "BadRequestException"


def test_items_of_lists_are_named_by_position():
    error = refusal("iam", "TagRole", RoleName="r", Tags=[{"Key": "a", "Value": "b"}, {"Value": "c"}])
    assert "Value null at 'tags.2.member.key'" in error.message


def test_sqs_words_it_in_its_own_way():
    error = refusal("sqs", "ReceiveMessage")
    assert (error.code, error.message) == ("MissingParameter", "The request must contain the parameter QueueUrl.")


def test_values_from_templates_take_the_models_types():
    operation = Service.load("lambda").operation("CreateFunction")
    assert operation is not None
    assert operation.input is not None
    given = {"FunctionName": 7, "Timeout": "30", "Publish": "true", "Environment": {"Variables": {"N": 1, "B": True}}}
    assert coerced(operation.input, given) == {
        "FunctionName": "7",
        "Timeout": 30,
        "Publish": True,
        "Environment": {"Variables": {"N": "1", "B": "true"}},
    }
    with pytest.raises(Rejected, match=r'Unknown parameter in input: "Environment.Variable"'):
        coerced(operation.input, {"Environment": {"Variable": {}}})
    with pytest.raises(Rejected, match="is no structure"):
        coerced(operation.input, {"Environment": "X"})


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GetQueueUrl", "get_queue_url"),
        ("CreateRestApi", "create_rest_api"),
        ("CreateSAMLProvider", "create_saml_provider"),
        ("AddLayerVersionPermission", "add_layer_version_permission"),
        ("GetEventSourceMapping", "get_event_source_mapping"),
        ("SetSMSAttributes", "set_sms_attributes"),
        ("VerifyDomainDkim", "verify_domain_dkim"),
    ],
)
def test_handlers_are_named_in_snake_case(name, snake):
    assert snake_case(name) == snake
