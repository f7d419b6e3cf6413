"""Gateways: from an HTTP request or a WebSocket to a function's event and back, as API Gateway does it.

Nouns: an *API* (http, rest or websocket) is one stored record (`model.py`); a *stage* serves the API's surface of now
or of a deployment; a *route* leads to an *integration* (function, HTTP backend, fixed answer, AWS service), perhaps
past an *authorizer*. A function URL is a route without an API.

Data flows `Gateways.answer(request, …)` -> `plan.py` (stage compiled to a table, once per change) -> `authorize.py` ->
`integrations.py` -> `events.py` / `responses.py` -> answer. WebSockets: `Gateways.upgrade` -> `sockets.py`.
Configuration comes in through `Gateways.put`, called by the API modules. Start reading with `gateway.py`.
"""

from dayfly.gateways.gateway import Gateways

__all__ = ["Gateways"]
