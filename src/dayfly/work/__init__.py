"""The one durable queue of follow-up work: asynchronous invocations, fan-out, retries, mails, schedules.

Nouns: an *item* is one piece of work (kind, payload, when it is due); a *kind* is what runs it, with a bound on how
many run at once and a policy for failures; a *group* is a line of items that run one after the other.

    item_id, changes = work.put("invoke", payload)      # a transition: commit these changes with your own
    work.handle("invoke", run, retry=RetryPolicy(delays_ms=(60_000, 120_000), attempts=3), concurrency=64)

    async def run(item: Item) -> Changes | Retry | None:
        ...                                              # what it returns is committed together with the completion

An item's way; its record is written by the commit of `put`, rewritten by a retry, deleted by the completion:

    fresh ── its commit is durable ──► waiting ── due ──► ready ── a slot is free ──► running ──► gone
                                          ▲                                              │
                                          └────── Retry, or an exception (attempts + 1) ◄┘

At least once: what had not completed when the process ended runs again after the next start. An item never runs before
its record is durable. Data flows from domains through `put` into the journal and, when due, into the kind's handler.
Start reading with `items.py`, then `queue.py`.
"""

from dayfly.work.items import Item, Retry, RetryPolicy, Run
from dayfly.work.queue import Work

__all__ = ["Item", "Retry", "RetryPolicy", "Run", "Work"]
