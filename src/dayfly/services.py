"""The AWS APIs that dayfly serves itself, by botocore's names of them. Each is imported and made on its first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dayfly.api import Api
from dayfly.gateways.outgoing import answer_for_aws

if TYPE_CHECKING:
    from dayfly.pipes.carry import Carrier
    from dayfly.pipes.model import Pipe
    from dayfly.server import Platform


def apis(platform: Platform) -> Mapping[str, Callable[[], Api]]:
    """The table."""
    answer_for_aws(platform.endpoint)
    platform.sources.receivers.add("pipes", lambda: carrier_of(platform))

    def sqs() -> Api:
        from dayfly.api.sqs import Sqs

        return Sqs(platform.queues)

    def sns() -> Api:
        from dayfly.api.sns import Sns

        return Sns(platform.topics)

    def ses() -> Api:
        from dayfly.api.ses import Ses

        return Ses(platform.mail)

    def sesv2() -> Api:
        from dayfly.api.sesv2 import SesV2

        return SesV2(platform.mail)

    def lambda_() -> Api:
        from dayfly.api.event_sources import EventSources
        from dayfly.api.lambda_ import Lambda

        return Lambda(
            functions=platform.functions,
            clock=platform.clock,
            endpoint=platform.endpoint,
            others=(EventSources(platform.sources),),
            permission=platform.downloads.permission,
        )

    def apigateway() -> Api:
        from dayfly.api.apigateway import ApiGateway

        return ApiGateway(platform.gateways)

    def apigatewayv2() -> Api:
        from dayfly.api.apigatewayv2 import ApiGatewayV2

        return ApiGatewayV2(platform.gateways)

    def connections() -> Api:
        from dayfly.api.connections import Connections

        return Connections(platform.gateways)

    def events() -> Api:
        from dayfly.api.events import Events

        return Events(buses=platform.buses, journal=platform.journal, clock=platform.clock, ids=platform.ids)

    def scheduler() -> Api:
        from dayfly.api.scheduler import Scheduler

        return Scheduler(schedules=platform.schedules, journal=platform.journal)

    def pipes() -> Api:
        from dayfly.api.pipes import PipesApi
        from dayfly.pipes.service import Pipes

        return PipesApi(Pipes(sources=platform.sources, clock=platform.clock))

    def logs() -> Api:
        from dayfly.api.logs import CloudWatchLogs

        return CloudWatchLogs(
            logs=platform.logs,
            journal=platform.journal,
            clock=platform.clock,
            log_group_of=platform.functions.log_group,
        )

    def sts() -> Api:
        from dayfly.api.sts import Sts

        return Sts(issuer=platform.issuer, roles=platform.roles)

    def iam() -> Api:
        from dayfly.api.iam import Iam

        return Iam(roles=platform.roles, journal=platform.journal)

    return {
        "sqs": sqs,
        "sns": sns,
        "ses": ses,
        "sesv2": sesv2,
        "lambda": lambda_,
        "apigateway": apigateway,
        "apigatewayv2": apigatewayv2,
        "apigatewaymanagementapi": connections,
        "events": events,
        "scheduler": scheduler,
        "pipes": pipes,
        "logs": logs,
        "sts": sts,
        "iam": iam,
    }


def carrier_of(platform: Platform) -> Carrier:
    """What takes a batch through a pipe."""
    from dayfly.pipes.carry import Carrier
    from dayfly.pipes.service import PipeNotFound, pipe_of

    def found(arn: str) -> tuple[Pipe, str]:
        mapping = platform.sources.receiving(arn)
        if mapping is None:
            raise PipeNotFound(f"{arn} does not exist.")
        return pipe_of(mapping), mapping.source_arn

    return Carrier(
        found=found,
        functions=platform.functions,
        targets=platform.targets,
        call=platform.doors.call,
        post=platform.buses.destinations.post,
        journal=platform.journal,
        ids=platform.ids,
    )
