"""The whole life of an AWS API request, in one screen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dayfly.api import Refused
from dayfly.api.errors import wire_error
from dayfly.front.messages import Request, Response
from dayfly.wire import calls, locate
from dayfly.wire.faults import write_error
from dayfly.wire.refusals import Rejected

if TYPE_CHECKING:
    from dayfly.api.registry import Registry

_log = logging.getLogger(__name__)


async def answer(registry: Registry, request: Request) -> Response | None:
    """Answer one AWS API request. None: no service of ours is meant, so a companion may be."""
    scope = locate.credential(request)
    service = registry.service_for(request, scope)
    if service is None:
        return None
    protocol = calls.protocol_of(service, request)
    request_id = registry.ids.uuid()
    try:
        caller = registry.identify(request, scope, request_id=request_id, protocol=protocol)
        call = calls.find(service, request, protocol)
        result = await registry.run(caller, call, request)
        return Response(*call.operation.codec(protocol).write(result, request_id))
    except Exception as error:  # noqa: BLE001 - one request's failure is its own answer; the server goes on
        said = wire_error(registry.faults(service.name), error)
        if said.status == 500 and not isinstance(error, (Refused, Rejected)):
            _log.exception("%s request %s failed unexpectedly", service.name, request_id)
        return Response(*write_error(service, protocol, said, request_id))
