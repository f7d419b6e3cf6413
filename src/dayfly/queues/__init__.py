"""Queues as Amazon SQS has them: standard and FIFO, durable, with long polling and dead letters.

Nouns: a *queue* (`queue.Queue`) is a state machine without I/O; a *draft* is what a sender hands in, a *message* what
is kept, a *delivery* what a receiver gets, with a receipt *handle*; an *entry* is the small index of one message that
stays in memory while its body may not. A *line* decides who is next: `line.py` for standard queues, `fifo.py` for
groups that are locked while one of their messages is in flight.

Data flows: `Queues` (shell.py: finds queues, commits, waits) → `Queue.send / receive / delete / ...` (changes memory,
returns `store.Changes`) → journal. Nothing on the way of a message is linear in the backlog. Start with `queue.py`,
then `shell.py`; `wait.py` has long polling, `redrive.py` the way back from a dead-letter queue.

Records (msgpack): `sqs/<account>/<region>/<queue>` the queue; below it `/m/<seq>` messages, `/v/<seq>` receive counts
and visibility deadlines, `/d/<seq>` deduplication that outlives its message.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from __future__ import annotations

from dayfly.queues.model import Attachment, Delivery, Draft, Message, Sent
from dayfly.queues.queue import Queue
from dayfly.queues.shell import Queues

__all__ = ["Attachment", "Delivery", "Draft", "Message", "Queue", "Queues", "Sent"]
