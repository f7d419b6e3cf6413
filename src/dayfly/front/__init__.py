"""The front: bytes in from clients, requests out to whoever answers them.

Nouns: a `Listener` owns ports and connections; a `Connection` is one client speaking HTTP/1.1 on a raw
`asyncio.Protocol` with httptools; a *socket* is a connection that became a WebSocket and is framed by picows; the
`Router` says which part of the platform a request is for. Data flows listener -> connection -> `answer(request)`,
where `answer` is usually `Router.answer`. Start reading with `messages.py`, then `listener.py`, `connection.py`,
`upgrade.py`, `websocket.py`, `routing.py`.
"""

from dayfly.front.limits import Limits
from dayfly.front.listener import Listener, PortTaken
from dayfly.front.messages import Answer, Request, Response
from dayfly.front.upgrade import Upgrade, WebSocketHandler

__all__ = ["Answer", "Limits", "Listener", "PortTaken", "Request", "Response", "Upgrade", "WebSocketHandler"]
