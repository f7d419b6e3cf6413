"""Methods and routes that lead to AWS services without a function between.

https://docs.aws.amazon.com/apigateway/latest/developerguide/getting-started-aws-proxy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs: {Type: "AWS::SQS::Queue"}
  Waiting: {Type: "AWS::SQS::Queue", Properties: {QueueName: waiting}}
  News: {Type: "AWS::SNS::Topic"}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Jobs.Arn, RawMessageDelivery: true}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        openapi: 3.0.1
        info: {title: services}
        paths:
          /jobs:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Jobs.QueueName}"
                requestParameters:
                  integration.request.header.Content-Type: "'application/x-www-form-urlencoded'"
                requestTemplates:
                  application/json: Action=SendMessage&MessageBody=$util.urlEncode($input.body)
                responses: {default: {statusCode: "200"}}
          /taken:
            get:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: "arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/waiting"
                requestParameters:
                  integration.request.querystring.Action: "'ReceiveMessage'"
                responses: {default: {statusCode: "200"}}
          /news:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${AWS::Region}:sns:action/Publish"
                requestParameters:
                  integration.request.querystring.TopicArn: !Sub "'${News}'"
                  integration.request.querystring.Message: method.request.body.text
                responses:
                  default: {statusCode: "200"}
                  "400": {statusCode: "400"}
          /events:
            post:
              x-amazon-apigateway-integration:
                type: aws
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${AWS::Region}:events:action/PutEvents"
                requestTemplates:
                  application/json: >-
                    {"Entries": [{"Source": "shop", "DetailType": "$input.path('$.kind')",
                    "Detail": "$util.escapeJavaScript($input.json('$'))"}]}
                responses:
                  default:
                    statusCode: "202"
                    responseTemplates: {application/json: "failed: $input.path('$.FailedEntryCount')"}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("services")
    (directory / "template.yaml").write_text(TEMPLATE)
    with serve(application=directory) as platform:
        yield platform


def post(served: Served, path: str, document: Any) -> tuple[int, str]:
    url = served.record["stacks"][0]["apis"][0]["url"] + path
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url, json.dumps(document).encode(), headers, method="POST"), timeout=20) as answer:
        return answer.status, answer.read().decode()


def received(served: Served) -> str:
    url = served.record["stacks"][0]["resources"]["Jobs"]["id"]
    messages = served.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    served.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
    return str(messages[0]["Body"])


def test_the_stage_that_the_template_names_is_the_first(served: Served) -> None:
    assert served.record["stacks"][0]["apis"][0]["stage"] == "live"


def test_a_form_reaches_the_queue_and_its_answer_is_json(served: Served) -> None:
    status, said = post(served, "/jobs", {"a": "b & c"})
    assert status == 200
    assert "MessageId" in json.loads(said)["SendMessageResponse"]["SendMessageResult"]
    assert json.loads(received(served)) == {"a": "b & c"}


def test_a_definition_s_own_variables_lead_to_the_queue_and_no_message_is_null(served: Served) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/import-api-aws-variables.html
    url = served.record["stacks"][0]["apis"][0]["url"] + "/taken"
    with urlopen(url, timeout=20) as answer:
        said = json.load(answer)["ReceiveMessageResponse"]
    assert said["ReceiveMessageResult"] == {"messages": None}


def test_mapped_parameters_publish(served: Served) -> None:
    status, said = post(served, "/news", {"text": "hear, hear"})
    assert status == 200
    assert "MessageId" in json.loads(said)["PublishResponse"]["PublishResult"]
    assert received(served) == "hear, hear"


def test_a_json_action_is_sent_as_the_service_takes_it(served: Served) -> None:
    assert post(served, "/events", {"kind": "new"}) == (202, "failed: 0")
