"""Time as an event: schedule expressions, the durable timetable, and the schedules of EventBridge Scheduler.

Nouns: an *expression* (`rate(…)`, `cron(…)`, `at(…)`) says when; a *timetable* (`due.py`) keeps when each entry falls
due next and survives restarts; a *schedule* is an entry with one target, in a *group*.

Data flows: the clock wakes the timetable, which in one transition moves the entry to its next time and sends the
event on its way through `targets.py`: an occurrence is never lost between the two. While the platform is stopped
nothing fires; at the next start an entry whose time has passed fires once, however often it was missed.

Start reading with `expressions.py`. The rules of EventBridge, which also run on schedules, are in `buses/`.
"""

from dayfly.schedules.service import Schedules

__all__ = ["Schedules"]
