"""Every invocation and every request counted: what a bill is made of.

Nouns: an *invocation* is one run of a function, with its times; a *counter* is a number of requests, messages or mails
of one resource; *usage* is both, summed by hour for three days and by day after that.

Data flows from the hot path (`invoked`, `counted`: an append, no more) into a buffer, every 100 ms at most into memory
and the journal: a chunk of the history of invocations, and the sums that changed. `usage` reads sums only, so it costs
the same after a million invocations as after ten. Start reading with `records.py`, then `meter.py`.

A caller that shows figures awaits `flush()` first.
"""

from dayfly.meter.meter import Meter
from dayfly.meter.records import Count, FunctionUsage, Invocation, Usage

__all__ = ["Count", "FunctionUsage", "Invocation", "Meter", "Usage"]
