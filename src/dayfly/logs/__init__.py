"""CloudWatch Logs: what functions printed, kept, found and followed.

Nouns: a *group* (usually of one function) holds *streams* (usually of one environment), a stream holds *events* (a time
and a line) in *chunks*, which are the journal's records: the last chunk of a stream grows until it is full. A
*subscription filter* of a group sends on the events that match its pattern.

Data flows from `write` (an append, on the path of every invocation) into a buffer, every 100 ms at most into chunks,
and to subscribers once it is durable; what subscription filters match becomes deliveries in the same commit. Memory
holds groups and streams; lines are read from the journal when they are asked for. Events of a stream come in the order
they were taken in, those of several streams merged by time.

Start with `records.py`, then `logs.py` (writing, keeping), `queries.py` (reading), `pattern.py` and `json_pattern.py`
(filter patterns), `subscriptions.py` (sending on).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogsConcepts.html
"""

from dayfly.logs.logs import Logs
from dayfly.logs.pattern import Pattern
from dayfly.logs.records import (
    Event,
    FilterNotFound,
    Group,
    GroupExists,
    GroupNotFound,
    InvalidParameter,
    Stream,
    StreamExists,
    StreamNotFound,
    SubscriptionFilter,
    TooManyFilters,
)

__all__ = [
    "Event",
    "FilterNotFound",
    "Group",
    "GroupExists",
    "GroupNotFound",
    "InvalidParameter",
    "Logs",
    "Pattern",
    "Stream",
    "StreamExists",
    "StreamNotFound",
    "SubscriptionFilter",
    "TooManyFilters",
]
