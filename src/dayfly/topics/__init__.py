"""Topics as Amazon SNS has them: standard and FIFO, subscriptions, filter policies, durable fan-out.

Nouns: a *topic*, its *subscriptions*, a *draft* (what is to be published), a *publication* (one
published message), a *pattern* (a compiled filter policy).

Data flows: `Topics.publish` (shell.py) checks and commits one item of follow-up work; `fanout.py` runs it: deliveries
to queues and functions are committed together with the item's completion, so that each happens exactly once;
deliveries over HTTP and by mail become items of their own, which are retried and end in the subscription's dead-letter
queue. Start with `shell.py`, then `fanout.py`; `patterns.py` matches, `envelope.py` has the documents that subscribers
get, `signing.py` what HTTP subscribers verify.

Records (msgpack): `sns/<account>/<region>/t/<topic>`, `sns/<account>/<region>/s/<topic>/<subscription>`,
`sns/<account>/<region>/d/<topic>/<sequence>` (FIFO deduplication).

https://docs.aws.amazon.com/sns/latest/dg/welcome.html
"""

from __future__ import annotations

from dayfly.topics.model import Draft, Publication, Subscription, TopicRecord
from dayfly.topics.shell import Topics

__all__ = ["Draft", "Publication", "Subscription", "TopicRecord", "Topics"]
