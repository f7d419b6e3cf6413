"""serverless.yml compiled. https://www.serverless.com/framework/docs/providers/aws/guide/resources"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfly.app.application import Application
from dayfly.app.load import load
from dayfly.app.yaml import ApplicationError

HEAD = "service: shop\nprovider: {name: aws, runtime: nodejs20.x}\n"


def application(tmp_path: Path, text: str, **options: Any) -> Application:
    (tmp_path / "serverless.yml").write_text(text)
    return load(tmp_path, environment={}, **options)


def resources(tmp_path: Path, events: str, more: str = "") -> dict[str, Any]:
    text = f"{HEAD}functions:\n  hello-world:\n    handler: a.b\n    events:\n{events}\n{more}"
    template = application(tmp_path, text).template
    return dict(template["Resources"])


def test_an_empty_service_is_an_application(tmp_path: Path) -> None:
    found = application(tmp_path, HEAD)
    assert (found.name, found.stage, found.region, found.format) == ("shop-dev", "dev", "us-east-1", "serverless")
    assert found.functions == {}


def test_a_function_has_the_frameworks_ids_names_and_defaults(tmp_path: Path) -> None:
    found = application(
        tmp_path,
        HEAD
        + "functions:\n  hello-world:\n    handler: src/a.b\n    environment: {N: 1, T: true, R: !Ref Q, Z: null}\n",
    )
    function = found.template["Resources"]["HelloDashworldLambdaFunction"]
    assert function["Properties"]["FunctionName"] == "shop-dev-hello-world"
    assert (function["Properties"]["MemorySize"], function["Properties"]["Timeout"]) == (1024, 6)
    assert function["Properties"]["Environment"] == {"Variables": {"N": "1", "T": "true", "R": {"Ref": "Q"}}}
    assert function["DependsOn"] == ["HelloDashworldLogGroup"]
    assert found.functions["hello-world"].name == "shop-dev-hello-world"
    assert found.origins["HelloDashworldLambdaFunction"].line == 5
    assert found.code["HelloDashworldLambdaFunction"].path == tmp_path


def test_stage_and_region_said_win_over_the_files(tmp_path: Path) -> None:
    text = "service: s\nprovider: {name: aws, stage: qa, region: eu-west-1}\n"
    assert application(tmp_path, text).name == "s-qa"
    assert application(tmp_path, text).region == "eu-west-1"
    assert application(tmp_path, text, stage="prod", region="us-west-2").name == "s-prod"
    assert application(tmp_path, text, stage="prod", region="us-west-2").region == "us-west-2"


def test_http_events_make_resources_methods_and_one_deployment(tmp_path: Path) -> None:
    events = "      - http: GET todos/{todoId}\n      - http: {method: post, path: /todos, cors: true, private: true}"
    found = resources(tmp_path, events)
    assert found["ApiGatewayResourceTodosTodoidVar"]["Properties"]["ParentId"] == {"Ref": "ApiGatewayResourceTodos"}
    method = found["ApiGatewayMethodTodosPost"]["Properties"]
    assert method["ApiKeyRequired"] is True
    assert method["Integration"]["Type"] == "AWS_PROXY"
    options = found["ApiGatewayMethodTodosOptions"]["Properties"]["Integration"]["IntegrationResponses"][0]
    assert options["ResponseParameters"]["method.response.header.Access-Control-Allow-Methods"] == "'OPTIONS,POST'"
    (deployment,) = [one for key, one in found.items() if key.startswith("ApiGatewayDeployment")]
    assert set(deployment["DependsOn"]) == {key for key in found if key.startswith("ApiGatewayMethod")}
    assert found["ApiGatewayRestApi"]["Properties"]["Name"] == "dev-shop"


def test_a_named_authorizer_is_a_function_of_the_service(tmp_path: Path) -> None:
    events = (
        "      - http: {method: get, path: /, authorizer: {name: hello-world, resultTtlInSeconds: 0, type: request}}"
    )
    found = resources(tmp_path, events)
    authorizer = found["HelloDashworldApiGatewayAuthorizer"]["Properties"]
    assert (authorizer["Type"], authorizer["AuthorizerResultTtlInSeconds"]) == ("REQUEST", 0)
    assert found["ApiGatewayMethodGet"]["Properties"]["AuthorizerId"] == {"Ref": "HelloDashworldApiGatewayAuthorizer"}
    with pytest.raises(ApplicationError, match="no function 'nobody'") as refused:
        resources(tmp_path, "      - http: {method: get, path: /, authorizer: nobody}")
    assert refused.value.line == 7


@pytest.mark.parametrize(
    ("event", "logical_id", "key"),
    [
        ("'*'", "HttpApiRouteDefault", "$default"),
        ("GET /bar/{id}", "HttpApiRouteGetBarIdVar", "GET /bar/{id}"),
        ("{method: '*', path: /foo}", "HttpApiRouteAnyFoo", "ANY /foo"),
    ],
)
def test_an_http_api_route(tmp_path: Path, event: str, logical_id: str, key: str) -> None:
    found = resources(tmp_path, f"      - httpApi: {event}")
    assert found[logical_id]["Properties"]["RouteKey"] == key
    assert found["HttpApiIntegrationHelloDashworld"]["Properties"]["PayloadFormatVersion"] == "2.0"


def test_jwt_authorizers_and_cors_of_an_http_api(tmp_path: Path) -> None:
    text = (
        "service: s\nprovider:\n  name: aws\n  runtime: nodejs20.x\n  httpApi:\n    cors: true\n    payload: '1.0'\n"
        "    authorizers:\n      users: {type: jwt, identitySource: $request.header.Authorization, "
        "issuerUrl: https://i, audience: a}\n"
        "functions:\n  f:\n    handler: a.b\n    events:\n"
        "      - httpApi: {path: /x, method: get, authorizer: {name: users, scopes: [r]}}\n"
    )
    found = application(tmp_path, text).template["Resources"]
    assert found["HttpApiAuthorizerUsers"]["Properties"]["JwtConfiguration"] == {
        "Audience": ["a"],
        "Issuer": "https://i",
    }
    assert found["HttpApiRouteGetX"]["Properties"]["AuthorizationScopes"] == ["r"]
    assert found["HttpApi"]["Properties"]["CorsConfiguration"]["AllowMethods"] == ["GET", "OPTIONS"]
    assert found["HttpApiIntegrationF"]["Properties"]["PayloadFormatVersion"] == "1.0"


def test_websocket_routes(tmp_path: Path) -> None:
    events = (
        "      - websocket: $connect\n      - websocket: {route: hello, routeResponseSelectionExpression: $default}"
    )
    found = resources(tmp_path, events)
    assert found["SconnectWebsocketsRoute"]["Properties"]["RouteKey"] == "$connect"
    assert found["helloWebsocketsRouteResponse"]["Properties"]["RouteResponseKey"] == "$default"
    assert found["WebsocketsDeploymentStage"]["Properties"]["StageName"] == "dev"


def test_queue_topic_bucket_stream_and_schedule_events(tmp_path: Path) -> None:
    events = """\
      - sqs: {arn: !GetAtt [Jobs, Arn], batchSize: 3, functionResponseType: ReportBatchItemFailures}
      - sns: alerts
      - sns: {arn: !Ref Topic, topicName: Topic, filterPolicy: {k: [v]}}
      - s3: {bucket: photos, event: s3:ObjectRemoved:*, rules: [{prefix: in/}]}
      - stream: {type: dynamodb, arn: !GetAtt [Table, StreamArn]}
      - schedule: rate(1 minute)
      - schedule: {rate: [cron(0 12 * * ? *), rate(2 hours)], enabled: false, input: {a: 1}}
      - schedule: {rate: rate(1 day), method: scheduler}
      - eventBridge: {eventBus: orders, pattern: {source: [shop]}}"""
    found = resources(tmp_path, events)
    mapping = found["HelloDashworldEventSourceMappingSQSJobs"]["Properties"]
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (3, ["ReportBatchItemFailures"])
    assert found["SNSTopicAlerts"]["Properties"] == {"TopicName": "alerts"}
    assert found["HelloDashworldSnsSubscriptionTopic"]["Properties"]["TopicArn"] == {"Ref": "Topic"}
    (notification,) = found["S3BucketPhotos"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    assert notification["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}}
    assert found["HelloDashworldEventSourceMappingDynamodbTable"]["Properties"]["StartingPosition"] == "TRIM_HORIZON"
    rules = [found[f"HelloDashworldEventsRuleSchedule{number}"]["Properties"] for number in (1, 2, 3)]
    assert [rule["State"] for rule in rules] == ["ENABLED", "DISABLED", "DISABLED"]
    assert rules[1]["Targets"][0]["Input"] == '{"a": 1}'
    assert found["HelloDashworldSchedulerSchedule1"]["Properties"]["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert found["OrdersEventBridgeEventBus"]["Properties"] == {"Name": "orders"}
    assert found["Shopdevhelloworldrule1EventBridgeRule"]["Properties"]["EventPattern"] == {"source": ["shop"]}


def test_events_of_user_pools(tmp_path: Path) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/events/cognito-user-pool"""
    events = """\
      - cognitoUserPool: {pool: my-people, trigger: PreSignUp}
      - cognitoUserPool: {pool: my-people, trigger: CustomMessage}
      - cognitoUserPool: {pool: theirs, trigger: PostConfirmation, existing: true, forceDeploy: true}"""
    found = resources(tmp_path, events)
    pool, arn = found["CognitoUserPoolMyDashpeople"], {"Fn::GetAtt": ["HelloDashworldLambdaFunction", "Arn"]}
    assert (pool["Type"], pool["Properties"]) == (
        "AWS::Cognito::UserPool",
        {"UserPoolName": "my-people", "LambdaConfig": {"PreSignUp": arn, "CustomMessage": arn}},
    )
    permission = found["HelloDashworldLambdaPermissionCognitoUserPoolMyDashpeopleTriggerSourcePreSignUp"]["Properties"]
    assert (permission["Principal"], permission["SourceArn"]) == (
        "cognito-idp.amazonaws.com",
        {"Fn::GetAtt": ["CognitoUserPoolMyDashpeople", "Arn"]},
    )
    told = found["HelloDashworldCustomCognitoUserPool1"]
    assert (told["Type"], told["Properties"]) == (
        "Custom::CognitoUserPool",
        {
            "FunctionName": arn,
            "UserPoolName": "theirs",
            "UserPoolConfigs": [{"Trigger": "PostConfirmation"}],
            "ForceDeploy": True,
        },
    )


def test_what_is_not_supported_is_reported_by_line_and_the_rest_works(tmp_path: Path) -> None:
    text = (
        f"{HEAD}plugins:\n  - serverless-offline\n  - serverless-exotic\nfunctions:\n  f:\n    handler: a.b\n"
        "    vpc: {}\n    events:\n      - iot: {sql: x}\n      - sns: t\n"
    )
    found = application(tmp_path, text)
    said = {(item.level, item.what, item.line) for item in found.items}
    assert ("ignored", "plugin serverless-offline", 4) in said
    assert ("unsupported", "plugin serverless-exotic", 5) in said
    assert ("ignored", "vpc of function f", 9) in said
    assert ("unsupported", "event iot of function f", 11) in said
    assert "SNSTopicT" in found.template["Resources"]


def test_plugins_that_mean_something_here_are_not_complained_about(tmp_path: Path) -> None:
    names = "serverless-python-requirements, serverless-wsgi, serverless-webpack, serverless-esbuild, serverless-lift"
    said = {
        (item.level, item.what.split(":")[0]) for item in application(tmp_path, f"{HEAD}plugins: [{names}]\n").items
    }
    assert said == {("ignored", "plugin serverless-webpack")}


def test_user_resources_extend_and_override_what_was_compiled(tmp_path: Path) -> None:
    more = """\
resources:
  - Resources:
      Q: {Type: AWS::SQS::Queue}
      HelloDashworldLogGroup: {Properties: {RetentionInDays: 3}}
  - Outputs: {Url: {Value: !Ref Q}}
    extensions: {HelloDashworldLambdaFunction: {Properties: {Timeout: 9}}}
"""
    found = resources(tmp_path, "      - sns: t", more)
    assert found["Q"]["Type"] == "AWS::SQS::Queue"
    assert found["HelloDashworldLogGroup"]["Properties"]["RetentionInDays"] == 3
    assert found["HelloDashworldLambdaFunction"]["Properties"]["Timeout"] == 9


def test_a_lift_queue_is_a_queue_with_dead_letters_and_a_worker(tmp_path: Path) -> None:
    text = (
        f"{HEAD}plugins: [serverless-lift]\nconstructs:\n  jobs:\n    type: queue\n    worker: {{handler: w.h}}\n"
        "functions:\n  p: {handler: a.b, environment: {URL: '${construct:jobs.queueUrl}'}}\n"
    )
    found = application(tmp_path, text)
    made = found.template["Resources"]
    reference = made["PLambdaFunction"]["Properties"]["Environment"]["Variables"]["URL"]
    queue = made[reference["Ref"]]["Properties"]
    assert queue["QueueName"] == "shop-dev-jobs"
    assert queue["VisibilityTimeout"] == 36
    assert (
        made[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]["QueueName"]
        == "shop-dev-jobs-dlq"
    )
    assert found.functions["jobsWorker"].name == "shop-dev-jobsWorker"


def test_function_urls_layers_and_destinations(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    text = (
        f"{HEAD}layers: {{shared: {{path: shared}}}}\nfunctions:\n  f:\n    handler: a.b\n    url: {{cors: true}}\n"
        "    layers: [!Ref SharedLambdaLayer]\n    maximumRetryAttempts: 0\n    destinations: {onFailure: g}\n"
        "  g: {handler: a.c}\n"
    )
    found = application(tmp_path, text)
    made = found.template["Resources"]
    assert made["FLambdaFunctionUrl"]["Properties"]["AuthType"] == "NONE"
    assert made["FLambdaEvConf"]["Properties"]["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["GLambdaFunction", "Arn"]}}
    }
    assert found.code["SharedLambdaLayer"].path == tmp_path / "shared"
    assert found.template["Outputs"]["FLambdaFunctionUrl"]["Value"] == {
        "Fn::GetAtt": ["FLambdaFunctionUrl", "FunctionUrl"]
    }


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("service: s\nprovider: [\n", "not valid YAML", 3),
        ("service: s\nprovider: {name: google}\n", "only aws can run here", 2),
        (f"{HEAD}functions:\n  f: {{}}\n", "the function f has no handler", 4),
        (f"{HEAD}functions:\n  f: {{handler: a.b, timeout: soon}}\n", "timeout must be a whole number", 4),
        (f"{HEAD}functions:\n  f:\n    handler: ${{env:NOPE}}\n", "NOPE is not set", 5),
    ],
)
def test_what_cannot_be_understood_is_one_sentence_with_its_line(
    tmp_path: Path, text: str, message: str, line: int
) -> None:
    with pytest.raises(ApplicationError, match=message) as refused:
        application(tmp_path, text)
    assert (refused.value.file, refused.value.line) == (tmp_path / "serverless.yml", line)


def test_where_nothing_is_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match=r"no serverless\.yml and no template\.yaml"):
        load(tmp_path)


@pytest.mark.parametrize(("version", "refused"), [("2", False), (">=1.1.0 <2.0.0", False), ("^3.1.2", True)])
def test_up_to_version_2_a_variable_without_a_value_is_empty(tmp_path: Path, version: str, refused: bool) -> None:
    text = f"{HEAD}frameworkVersion: '{version}'\ncustom: {{a: 1}}\nfunctions:\n  f:\n    handler: a.b\n"
    text += "    environment: {KEY: '${file(./secrets.json):KEY}', TOKEN: 'x${env:TOKEN}'}\n"
    if refused:
        with pytest.raises(ApplicationError, match=r"secrets\.json does not exist"):
            application(tmp_path, text)
        return
    found = application(tmp_path, text)
    assert found.template["Resources"]["FLambdaFunction"]["Properties"]["Environment"]["Variables"]["TOKEN"] == "x"
    assert sum("has no value" in item.what for item in found.items) == 2


def test_an_existing_bucket_is_told_of_the_function_after_both_exist(tmp_path: Path) -> None:
    events = "      - s3: {bucket: {Ref: Mine}, existing: true, rules: [{suffix: .png}]}\n"
    events += "      - s3: {bucket: {Ref: Mine}, existing: true, event: 's3:ObjectRemoved:*'}"
    found = resources(tmp_path, events, "resources:\n  Resources:\n    Mine: {Type: 'AWS::S3::Bucket'}\n")
    told = found["HelloDashworldCustomS31"]
    assert told["Type"] == "Custom::S3"
    assert told["Properties"]["BucketName"] == {"Ref": "Mine"}
    assert [one["Event"] for one in told["Properties"]["BucketConfigs"]] == ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    assert "Properties" not in found["Mine"]


def test_storage_and_tables_of_lift_are_made(tmp_path: Path) -> None:
    text = f"{HEAD}plugins: [serverless-lift]\nconstructs:\n  files: {{type: storage}}\n"
    text += "  data: {type: database/dynamodb-single-table, gsiCount: 1}\nfunctions:\n  f:\n    handler: a.b\n"
    text += "    environment: {B: '${construct:files.bucketName}', T: '${construct:data.tableName}'}\n"
    found = application(tmp_path, text).template["Resources"]
    names = found["FLambdaFunction"]["Properties"]["Environment"]["Variables"]
    assert found[names["B"]["Ref"]]["Type"] == "AWS::S3::Bucket"
    (index,) = found[names["T"]["Ref"]]["Properties"]["GlobalSecondaryIndexes"]
    assert index["KeySchema"][0]["AttributeName"] == "GSI-1-PK"


def test_validators_and_models_of_plugins_reach_the_method(tmp_path: Path) -> None:
    text = f"{HEAD}plugins: [serverless-reqvalidator-plugin, serverless-aws-documentation]\ncustom:\n"
    text += "  documentation: {models: [{name: Todo, contentType: application/json, schema: {type: object}}]}\n"
    text += "functions:\n  f:\n    handler: a.b\n    events:\n"
    text += "      - http: {method: post, path: todos, reqValidatorName: Body, "
    text += "documentation: {requestModels: {application/json: Todo}}}\n"
    text += "resources: {Resources: {Body: {Type: 'AWS::ApiGateway::RequestValidator', Properties: "
    text += "{RestApiId: {Ref: ApiGatewayRestApi}, ValidateRequestBody: true}}}}\n"
    loaded = application(tmp_path, text)
    found = loaded.template["Resources"]
    method = found["ApiGatewayMethodTodosPost"]["Properties"]
    assert method["RequestValidatorId"] == {"Ref": "Body"}
    assert found[method["RequestModels"]["application/json"]["Ref"]]["Properties"]["Schema"] == {"type": "object"}
    assert not [item for item in loaded.items if item.level == "unsupported"]


def test_functions_of_the_extrinsic_plugin_are_computed_before_the_template_is_used(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/serverless-plugin-extrinsic-functions"""
    text = """
plugins: [serverless-plugin-extrinsic-functions]
resources:
  Conditions: {Testing: {"Fn::StartsWith": ["${sls:stage}", de]}}
  Outputs:
    Part: {Value: {"Fn::Substring": [{"Fn::JsonPath": ['{"a": ["bcdef"]}', "a[0]"]}, 1, 3]}}
    More: {Value: {"Fn::Max": [1, 2]}}
"""
    template = application(tmp_path, HEAD + text).template
    assert template["Conditions"] == {"Testing": True}
    assert template["Outputs"] == {"Part": {"Value": "cd"}, "More": {"Value": 2}}
    with pytest.raises(ApplicationError, match="takes a list of plain values"):
        application(tmp_path, HEAD + text.replace("1, 2", "!Ref A, 2"))


def test_pseudo_parameters_of_the_plugins_are_substituted_wherever_they_stand(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/serverless-pseudo-parameters"""
    text = """
plugins: [serverless-pseudo-parameters, serverless-offline-anything]
resources:
  Outputs:
    Url: {Value: "https://sqs.#{AWS::Region}.amazonaws.com/#{AWS::AccountId}/${Kept}"}
    Sub: {Value: !Sub "#{Jobs.Arn}-${AWS::Region}"}
"""
    made = application(tmp_path, HEAD + text)
    assert made.template["Outputs"] == {
        "Url": {"Value": {"Fn::Sub": "https://sqs.${AWS::Region}.amazonaws.com/${AWS::AccountId}/${!Kept}"}},
        "Sub": {"Value": {"Fn::Sub": "${Jobs.Arn}-${AWS::Region}"}},
    }
    assert [item.level for item in made.items] == ["ignored"]


def test_state_machines_of_the_step_functions_plugin_and_what_starts_them(tmp_path: Path) -> None:
    """https://www.serverless.com/plugins/serverless-step-functions"""
    text = """
plugins: [serverless-step-functions]
functions: {hello-world: {handler: a.b}}
stepFunctions:
  validate: true
  stateMachines:
    greet:
      name: my-machine
      role: {"Fn::GetAtt": [Own, Arn]}
      dependsOn: Table
      useExactVersion: true
      events:
        - schedule: {rate: rate(1 day), enabled: false, input: {a: 1}}
        - eventBridge: {event: {source: [shop]}, eventBusName: orders}
        - http: GET greetings
      definition: {StartAt: A, States: {A: {Type: Task, Resource: !GetAtt hello-world.Arn, End: true}}}
    second: {definition: {StartAt: A, States: {}}}
"""
    made = application(tmp_path, HEAD + text)
    found = made.template["Resources"]
    machine = found["MyDashmachine"]
    assert machine["DependsOn"] == ["Table"]
    assert machine["Properties"]["RoleArn"] == {"Fn::GetAtt": ["Own", "Arn"]}
    state = machine["Properties"]["Definition"]["States"]["A"]
    assert state["Resource"] == {"Fn::GetAtt": ["HelloDashworldLambdaFunction", "Arn"]}
    assert "SecondStepFunctionsStateMachine" in found
    schedule, rule = (found[f"MyDashmachineEventsRule{number}"]["Properties"] for number in (1, 2))
    assert (schedule["State"], schedule["Targets"][0]["Input"]) == ("DISABLED", '{"a": 1}')
    assert (rule["EventBusName"], rule["Targets"][0]["Arn"]) == ("orders", {"Ref": "MyDashmachine"})
    method = found["ApiGatewayMethodGreetingsGet"]["Properties"]
    assert method["Integration"]["Uri"]["Fn::Sub"].endswith(":states:action/StartExecution")
    whats = {item.what for item in made.items}
    assert whats == {"stepFunctions.validate", "useExactVersion of state machine greet"}
    without = application(tmp_path, HEAD + text.replace("plugins: [serverless-step-functions]", ""))
    assert [item.what for item in without.items] == [
        "stepFunctions: serverless-step-functions is not among the plugins"
    ]


def test_the_words_of_the_websockets_plugin_mean_what_the_frameworks_do(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/serverless-websockets-plugin"""
    text = """
service: chat
plugins: [serverless-websockets-plugin]
provider: {name: aws, websocketApiName: talk, websocketApiRouteSelectionExpression: $request.body.kind}
functions:
  chat: {handler: a.b, events: [{websocket: {routeKey: $connect}}, {websocket: {routeKey: say}}]}
"""
    made = application(tmp_path, text)
    found = made.template["Resources"]
    api = found["WebsocketsApi"]["Properties"]
    assert (api["Name"], api["RouteSelectionExpression"]) == ("talk", "$request.body.kind")
    assert found["SconnectWebsocketsRoute"]["Properties"]["RouteKey"] == "$connect"
    assert found["sayWebsocketsRoute"]["Properties"]["RouteKey"] == "say"
    assert not made.items


def test_parts_of_the_file_come_and_go_with_the_conditions_of_the_ifelse_plugin(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/serverless-plugin-ifelse"""
    text = """
service: shop
plugins: [serverless-plugin-ifelse]
custom:
  current: ${opt:stage, 'dev'}
  serverlessIfElse:
    - If: '"${self:custom.current}" == "prod" && !("${self:provider.region}" === ''sa-east-1'')'
      Exclude: [functions.debug, functions.hello.events.0]
      Set: {provider.timeout: 90}
      ElseExclude: [functions.audit]
      ElseSet: {provider.timeout: 12}
    - ExcludeIf: {functions.hello.environment.SECRET: '"${self:custom.current}" != "dev"'}
provider: {name: aws, runtime: nodejs20.x}
functions:
  hello: {handler: a.b, environment: {SECRET: x, OPEN: y}, events: [{http: GET a}, {http: GET b}]}
  debug: {handler: a.b}
  audit: {handler: a.b}
"""
    development = application(tmp_path, text)
    assert set(development.functions) == {"hello", "debug"}
    hello = development.template["Resources"]["HelloLambdaFunction"]["Properties"]
    assert (hello["Timeout"], set(hello["Environment"]["Variables"])) == (12, {"SECRET", "OPEN"})
    production = application(tmp_path, text, stage="prod")
    assert set(production.functions) == {"hello", "audit"}
    found = production.template["Resources"]
    assert found["HelloLambdaFunction"]["Properties"]["Timeout"] == 90
    assert set(found["HelloLambdaFunction"]["Properties"]["Environment"]["Variables"]) == {"OPEN"}
    assert ("ApiGatewayMethodAGet" in found, "ApiGatewayMethodBGet" in found) == (False, True)
    with pytest.raises(ApplicationError, match="cannot be read here"):
        application(tmp_path, text.replace('== "prod"', "== process.env.X"))


def test_the_default_endpoint_is_not_disabled_where_no_other_answers(tmp_path: Path) -> None:
    """On AWS it makes way for a custom domain, which nothing here stands for: the API would answer nobody."""
    text = """
service: shop
provider: {name: aws, apiGateway: {disableDefaultEndpoint: true}}
functions: {hello: {handler: a.b, events: [{http: GET a}]}}
"""
    made = application(tmp_path, text)
    assert "DisableExecuteApiEndpoint" not in made.template["Resources"]["ApiGatewayRestApi"]["Properties"]
    assert "provider.apiGateway.disableDefaultEndpoint" in {item.what for item in made.items}


def test_the_frameworks_outputs_of_functions_can_be_extended(tmp_path: Path) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/resources#override-aws-cloudformation-resource"""
    text = (
        HEAD + "functions: {check-it: {handler: a.b}}\nresources:\n  Outputs:\n"
        "    CheckDashitLambdaFunctionQualifiedArn: {Export: {Name: the-checker}}\n"
    )
    output = application(tmp_path, text).template["Outputs"]["CheckDashitLambdaFunctionQualifiedArn"]
    assert output["Value"] == {"Fn::GetAtt": ["CheckDashitLambdaFunction", "Arn"]}
    assert output["Export"] == {"Name": "the-checker"}
    with pytest.raises(ApplicationError, match="the output Other has no Value") as refused:
        application(tmp_path, text + "    Other: {Export: {Name: other}}\n")
    assert refused.value.line == 7


@pytest.mark.parametrize(
    ("manifest", "more", "form", "sourcemap"),
    [
        ('{"type": "module"}', "build: esbuild", "esm", None),
        ('{"type": "module"}', "build: {esbuild: {sourcemap: {type: inline, setNodeOptions: true}}}", "esm", "inline"),
        ('{"type": "module"}', "build: {esbuild: {format: cjs, sourcemap: {type: linked}}}", "cjs", True),
        ('{"type": "module"}', "plugins: [serverless-esbuild]", None, None),
        ("{}", "build: esbuild", None, None),
        ("{}", "build: esbuild\ncustom: {esbuild: {format: esm, sourcemap: inline}}", None, None),
        ("{}", "plugins: [serverless-esbuild]\ncustom: {esbuild: {format: esm, sourcemap: inline}}", "esm", "inline"),
    ],
)
def test_version_4_bundles_modules_as_modules(
    tmp_path: Path, manifest: str, more: str, form: str | None, sourcemap: Any
) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/building"""
    (tmp_path / "package.json").write_text(manifest)
    (tmp_path / "a.js").write_text("export const b = 1")
    made = application(tmp_path, f"{HEAD}functions: {{hello: {{handler: a.b}}}}\n{more}\n")
    code = made.code["HelloLambdaFunction"]
    assert code.method == "esbuild"
    assert (code.properties.get("Format"), code.properties.get("Sourcemap")) == (form, sourcemap)


def test_an_event_whose_settings_are_not_indented_is_passed_over_and_said(tmp_path: Path) -> None:
    text = HEAD + "functions:\n  work:\n    handler: a.b\n    events:\n      - sqs:\n        arn: !GetAtt Jobs.Arn\n"
    made = application(tmp_path, text)
    assert not [one for one in made.template["Resources"].values() if one["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert [(item.level, item.line) for item in made.items] == [("warning", 7)]


def test_functions_are_subscribed_to_log_groups(tmp_path: Path) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/events/cloudwatch-log"""
    events = """\
      - cloudwatchLog: {logGroup: /aws/lambda/shop-dev-other, filter: ERROR}
      - cloudwatchLog: /elsewhere"""
    more = """\
  other: {handler: a.b}
resources:
  Resources:
    Elsewhere: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /elsewhere}}"""
    found = resources(tmp_path, events, more)
    first, second = (found[f"HelloDashworldLogsSubscriptionFilterCloudWatchLog{number}"] for number in (1, 2))
    arn = {"Fn::GetAtt": ["HelloDashworldLambdaFunction", "Arn"]}
    assert first["Properties"] == {
        "LogGroupName": "/aws/lambda/shop-dev-other",
        "FilterPattern": "ERROR",
        "DestinationArn": arn,
    }
    permission = "HelloDashworldLambdaPermissionLogsSubscriptionFilterCloudWatchLog"
    assert found[permission]["Properties"]["Principal"] == "logs.amazonaws.com"
    assert first["DependsOn"] == [permission, "OtherLogGroup"]
    assert (second["Properties"]["FilterPattern"], second["DependsOn"]) == ("", [permission, "Elsewhere"])
    with pytest.raises(ApplicationError, match="cloudwatchLog event of hello-world names no log group"):
        resources(tmp_path, "      - cloudwatchLog: {filter: ERROR}")


def test_settings_of_a_bundler_that_is_not_among_the_plugins_are_said_to_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("export const b = 1")
    made = application(tmp_path, HEAD + "functions: {hello: {handler: a.b}}\ncustom:\n  esbuild: {format: esm}\n")
    (item,) = made.items
    assert (item.level, item.line) == ("ignored", 5)
    assert item.what.startswith("custom.esbuild: serverless-esbuild is not among the plugins")


def test_a_function_can_be_bundled_by_itself(tmp_path: Path) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/building"""
    (tmp_path / "a.js").write_text("exports.b = 1")
    text = HEAD + "functions:\n  plain: {handler: a.b}\n  small: {handler: a.b, build: esbuild}\n"
    made = application(tmp_path, text)
    assert {name: code.method for name, code in made.code.items()} == {
        "PlainLambdaFunction": "plain",
        "SmallLambdaFunction": "esbuild",
    }
    assert not made.items


def test_plugins_that_publish_front_ends_or_scale_have_no_effect_and_are_no_obstacle(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/serverless-finch"""
    made = application(tmp_path, HEAD + "plugins: [serverless-finch, serverless-dynamodb-autoscaling]\n")
    assert [(item.level, item.what) for item in made.items] == [
        ("ignored", "plugin serverless-finch"),
        ("ignored", "plugin serverless-dynamodb-autoscaling"),
    ]


def test_files_that_webpack_would_copy_are_said(tmp_path: Path) -> None:
    (tmp_path / "webpack.config.js").write_text("const Copy = require('copy-webpack-plugin')\n")
    made = application(tmp_path, HEAD + "plugins: [serverless-webpack]\n")
    assert any("copy-webpack-plugin" in item.what and item.level == "unsupported" for item in made.items)
