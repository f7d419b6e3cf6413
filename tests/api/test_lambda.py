"""Lambda as boto3 sees it."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from in_process import client

from dayfly.api.lambda_ import Lambda
from dayfly.api.registry import Registry
from dayfly.clock import SystemClock
from dayfly.functions import Functions
from dayfly.ids import RandomIds
from dayfly.runtime import Finished
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Targets
from dayfly.work import Work

ROLE = "arn:aws:iam::000000000000:role/r"


class Invoker:
    def __init__(self):
        self.chunks = []

    async def invoke(self, spec, invoke, on_chunk=None):
        if invoke.payload == b'"fail"':
            return Finished(payload=b'{"errorMessage":"no"}', error="Unhandled", log=("START", "END"))
        for chunk in self.chunks if on_chunk else []:
            on_chunk(chunk)
        context = json.dumps({"event": json.loads(invoke.payload), "context": invoke.client_context.decode()})
        return Finished(payload=b"" if self.chunks else context.encode(), log=("START", "x" * 5000, "END"))

    def orphaned(self, request_id, told):
        pass

    def retire(self, key):
        pass

    async def close(self, deadline_s):
        pass


class Nothing:
    def invoked(self, *_):
        pass

    def write(self, *_):
        pass


def packed(text="def handler(e, c): return e"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", text)
    return made.getvalue()


@pytest.fixture
def invoker():
    return Invoker()


@pytest.fixture
def api(tmp_path, invoker):
    clock, ids, journal = SystemClock(), RandomIds(), MemoryJournal()
    work = Work(journal=journal, clock=clock, ids=ids)
    functions = Functions(
        journal=journal,
        clock=clock,
        ids=ids,
        invoker=invoker,
        work=work,
        logs=Nothing(),
        meter=Nothing(),
        code_directory=tmp_path,
        endpoint="http://127.0.0.1:4566",
        send=Targets(work=work, clock=clock).send,
    )
    registry = Registry(
        {"lambda": lambda: Lambda(functions=functions, clock=clock, endpoint="http://127.0.0.1:4566")},
        clock=clock,
        ids=ids,
    )
    made = client(registry, "lambda")
    made.functions = functions
    return made


def create(api, name="greet", **more):
    given = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": packed()}}
    return api.create_function(FunctionName=name, **{**given, **more})


def code_of(raised):
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_a_function_is_created_shown_changed_and_deleted(api):
    made = create(api, Environment={"Variables": {"STAGE": "1"}}, Tags={"t": "1"}, MemorySize=256, Timeout=10)
    assert made["FunctionArn"] == "arn:aws:lambda:eu-west-1:000000000000:function:greet"
    assert (made["State"], made["Version"], made["CodeSize"]) == ("Active", "$LATEST", len(packed()))
    api.get_waiter("function_active_v2").wait(FunctionName="greet")
    shown = api.get_function(FunctionName="greet")
    assert shown["Tags"] == {"t": "1"}
    assert shown["Code"]["Location"].endswith("/_dayfly/code/000000000000/eu-west-1/greet/$LATEST")
    assert shown["Configuration"]["Environment"] == {"Variables": {"STAGE": "1"}}
    api.update_function_configuration(FunctionName="greet", Timeout=20)
    changed = api.get_function_configuration(FunctionName=made["FunctionArn"])
    assert (changed["Timeout"], changed["MemorySize"]) == (20, 256)
    updated = api.update_function_code(FunctionName="greet", ZipFile=packed("x = 2"))
    assert updated["CodeSha256"] != made["CodeSha256"]
    api.get_waiter("function_updated_v2").wait(FunctionName="greet")
    assert [f["FunctionName"] for f in api.list_functions()["Functions"]] == ["greet"]
    api.delete_function(FunctionName="greet")
    with pytest.raises(ClientError) as raised:
        api.get_function(FunctionName="greet")
    assert code_of(raised) == (
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:greet",
    )


def test_the_same_name_twice_is_a_conflict(api):
    create(api)
    with pytest.raises(ClientError) as raised:
        create(api)
    assert code_of(raised) == ("ResourceConflictException", "Function already exist: greet")


def test_reserved_variables_are_refused_in_aws_words(api):
    with pytest.raises(ClientError) as raised:
        create(api, Environment={"Variables": {"AWS_REGION": "x"}})
    code, message = code_of(raised)
    assert code == "InvalidParameterValueException"
    assert message.endswith("Reserved keys used in this request: AWS_REGION")


def test_invoking_answers_payload_version_and_the_tail_of_the_log(api):
    create(api)
    context = base64.b64encode(b'{"custom":1}').decode()
    answer = api.invoke(FunctionName="greet", Payload=b'{"a":1}', LogType="Tail", ClientContext=context)
    assert json.loads(answer["Payload"].read()) == {"event": {"a": 1}, "context": '{"custom":1}'}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert tail.endswith(b"END\n")


def test_a_functions_error_is_an_answer(api):
    create(api)
    answer = api.invoke(FunctionName="greet", Payload=b'"fail"')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read()) == {"errorMessage": "no"}


def test_events_dry_runs_and_bad_json(api):
    create(api)
    assert api.invoke(FunctionName="greet", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    assert api.invoke(FunctionName="greet", InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(ClientError) as raised:
        api.invoke(FunctionName="greet", Payload=b"{nonsense")
    assert code_of(raised)[0] == "InvalidRequestContentException"


def test_a_streamed_answer_comes_in_chunks(api, invoker):
    create(api)
    invoker.chunks = [b"one", b"two"]
    answer = api.invoke_with_response_stream(FunctionName="greet", Payload=b"{}")
    events = list(answer["EventStream"])
    assert [event["PayloadChunk"]["Payload"] for event in events[:-1]] == [b"one", b"two"]
    assert "InvokeComplete" in events[-1]


def test_an_answer_that_was_not_streamed_comes_as_one_chunk(api):
    create(api)
    events = list(api.invoke_with_response_stream(FunctionName="greet", Payload=b"1")["EventStream"])
    assert json.loads(events[0]["PayloadChunk"]["Payload"])["event"] == 1


def test_versions_and_aliases(api):
    create(api)
    first = api.publish_version(FunctionName="greet")
    assert (first["Version"], first["FunctionArn"].rpartition(":")[2]) == ("1", "1")
    assert api.publish_version(FunctionName="greet")["Version"] == "1"
    api.update_function_code(FunctionName="greet", ZipFile=packed("x = 2"))
    assert api.publish_version(FunctionName="greet")["Version"] == "2"
    versions = api.list_versions_by_function(FunctionName="greet")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    alias = api.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
    assert alias["AliasArn"].endswith(":function:greet:live")
    assert api.invoke(FunctionName="greet", Qualifier="live")["ExecutedVersion"] == "1"
    api.update_alias(FunctionName="greet", Name="live", FunctionVersion="2")
    assert api.get_alias(FunctionName="greet", Name="live")["FunctionVersion"] == "2"
    with pytest.raises(ClientError) as raised:
        api.delete_function(FunctionName="greet", Qualifier="2")
    assert code_of(raised)[0] == "ResourceConflictException"
    api.delete_alias(FunctionName="greet", Name="live")
    api.delete_function(FunctionName="greet", Qualifier="2")
    assert api.list_aliases(FunctionName="greet")["Aliases"] == []


def test_a_stale_revision_is_refused(api):
    create(api)
    with pytest.raises(ClientError) as raised:
        api.update_function_configuration(FunctionName="greet", Timeout=5, RevisionId="old")
    assert code_of(raised)[0] == "PreconditionFailedException"


def test_layers_are_published_used_and_deleted(api):
    layer = api.publish_layer_version(
        LayerName="deps", Content={"ZipFile": packed()}, CompatibleRuntimes=["python3.12"]
    )
    assert layer["LayerVersionArn"].endswith(":layer:deps:1")
    create(api, Layers=[layer["LayerVersionArn"]])
    shown = api.get_function_configuration(FunctionName="greet")
    assert shown["Layers"] == [{"Arn": layer["LayerVersionArn"], "CodeSize": len(packed())}]
    assert api.get_layer_version_by_arn(Arn=layer["LayerVersionArn"])["Version"] == 1
    assert api.list_layers()["Layers"][0]["LatestMatchingVersion"]["Version"] == 1
    api.delete_layer_version(LayerName="deps", VersionNumber=1)
    assert api.publish_layer_version(LayerName="deps", Content={"ZipFile": packed()})["Version"] == 2
    with pytest.raises(ClientError) as raised:
        create(api, "other", Layers=[layer["LayerVersionArn"]])
    assert code_of(raised)[0] == "InvalidParameterValueException"


def test_permissions_make_a_policy(api):
    create(api)
    arn = "arn:aws:s3:::bucket"
    api.add_permission(
        FunctionName="greet",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=arn,
    )
    (statement,) = json.loads(api.get_policy(FunctionName="greet")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": arn}}
    with pytest.raises(ClientError) as raised:
        api.add_permission(FunctionName="greet", StatementId="s3", Action="lambda:*", Principal="*")
    assert code_of(raised)[0] == "ResourceConflictException"
    api.remove_permission(FunctionName="greet", StatementId="s3")
    with pytest.raises(ClientError):
        api.get_policy(FunctionName="greet")


def test_urls_are_on_the_platforms_own_port(api):
    create(api)
    made = api.create_function_url_config(FunctionName="greet", AuthType="NONE", Cors={"AllowOrigins": ["*"]})
    url_id = made["FunctionUrl"].removeprefix("http://").partition(".")[0]
    assert made["FunctionUrl"] == f"http://{url_id}.lambda-url.eu-west-1.localhost:4566/"
    assert len(url_id) == 32
    assert api.functions.find_url(url_id)[0].name == "greet"
    api.update_function_url_config(FunctionName="greet", InvokeMode="RESPONSE_STREAM")
    assert api.get_function_url_config(FunctionName="greet")["InvokeMode"] == "RESPONSE_STREAM"
    assert len(api.list_function_url_configs(FunctionName="greet")["FunctionUrlConfigs"]) == 1
    api.delete_function_url_config(FunctionName="greet")
    assert api.functions.find_url(url_id) is None


def test_event_invoke_configs(api):
    create(api)
    destination = {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:000000000000:q"}}
    api.put_function_event_invoke_config(FunctionName="greet", MaximumRetryAttempts=1, DestinationConfig=destination)
    api.update_function_event_invoke_config(FunctionName="greet", MaximumEventAgeInSeconds=60)
    shown = api.get_function_event_invoke_config(FunctionName="greet")
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 60)
    assert shown["DestinationConfig"]["OnFailure"] == destination["OnFailure"]
    assert len(api.list_function_event_invoke_configs(FunctionName="greet")["FunctionEventInvokeConfigs"]) == 1
    api.delete_function_event_invoke_config(FunctionName="greet")
    with pytest.raises(ClientError):
        api.get_function_event_invoke_config(FunctionName="greet")


def test_concurrency_and_account_settings(api):
    create(api)
    api.put_function_concurrency(FunctionName="greet", ReservedConcurrentExecutions=7)
    assert api.get_function_concurrency(FunctionName="greet")["ReservedConcurrentExecutions"] == 7
    limits = api.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == 993
    api.delete_function_concurrency(FunctionName="greet")
    assert "ReservedConcurrentExecutions" not in api.get_function_concurrency(FunctionName="greet")


def test_tags(api):
    arn = create(api)["FunctionArn"]
    api.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    api.untag_resource(Resource=arn, TagKeys=["a"])
    assert api.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_images_are_named_as_not_supported(api):
    with pytest.raises(ClientError) as raised:
        api.create_function(FunctionName="i", Role=ROLE, PackageType="Image", Code={"ImageUri": "x"})
    assert "not supported" in code_of(raised)[1]


def test_lists_come_in_pages(api):
    for number in range(5):
        create(api, f"f{number}")
    pages = list(api.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Functions"]) for page in pages] == [2, 2, 1]
