"""Where bytes arrive: one listener for HTTP and WebSockets, and the table that says who answers.

`messages.py` has a request and its answer; `listener.py` and `connection.py` speak HTTP/1.1; `sockets.py` WebSockets;
`routing.py` is the ordered table of who answers what.
"""
