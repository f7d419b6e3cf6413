"""EventBridge: event buses, rules that match events or run on a schedule, and what each target is sent.

Nouns: a *bus* takes events; a *rule* on a bus has an event *pattern* (`patterns.py`), a schedule, or both, and
*targets*; a target's *input* (`inputs.py`) says what of the event it gets.

Data flows: `Buses.put_events` is a transition: it matches every rule and sends to its targets through `targets.py`;
the caller commits what it answers. An *API destination* (`destinations.py`) is an HTTP endpoint as a target, reached
over a *connection*, which has the credentials. Scheduled rules are entries of a `schedules.due.Timetable`. Start with
`service.py`.

References: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
"""

from dayfly.buses.service import Buses

__all__ = ["Buses"]
