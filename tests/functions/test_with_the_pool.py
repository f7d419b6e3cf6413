"""One walk through everything real: code from a zip, the pool, logs and meter, an event through the work queue."""

from __future__ import annotations

import json

from bench import SCOPE, CodeSource, configuration, zipped

from dayfly.clock import SystemClock
from dayfly.functions import Functions
from dayfly.hands import to_functions
from dayfly.ids import RandomIds
from dayfly.logs import Logs
from dayfly.meter import Meter
from dayfly.runtime.pool import Pool
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Delivery, Targets
from dayfly.work import Work

CODE = """
import os
def handler(event, context):
    print("saw", event)
    return {"event": event, "name": context.function_name, "region": os.environ["AWS_REGION"]}
"""


async def test_a_zip_becomes_a_running_function_that_events_reach(tmp_path):
    clock, ids, journal = SystemClock(), RandomIds(), MemoryJournal()
    work = Work(journal=journal, clock=clock, ids=ids)
    logs = Logs(journal=journal, clock=clock, ids=ids)
    meter = Meter(journal=journal, clock=clock)
    pool = Pool(
        clock=clock,
        ids=ids,
        directory=tmp_path / "scratch",
        cache=tmp_path / "cache",
        isolation="process",
        on_log=lambda *told: functions.on_log(*told),  # noqa: PLW0108 - functions come later
        seats={"python": 1, "node": 0, "provided": 0},
    )
    await pool.start()
    targets = Targets(work=work, clock=clock)
    functions = Functions(
        journal=journal,
        clock=clock,
        ids=ids,
        invoker=pool,
        work=work,
        logs=logs,
        meter=meter,
        code_directory=tmp_path / "code",
        endpoint="http://127.0.0.1:4566",
        send=targets.send,
    )
    targets.add("lambda", to_functions(functions))
    work.start()
    try:
        await functions.create(
            SCOPE, "greet", configuration(runtime="python3.11"), CodeSource(zip=zipped(app__py=CODE))
        )
        outcome = await functions.invoke(SCOPE, "greet", b'{"a": 1}', source="invoke")
        assert outcome.error is None, outcome.payload
        assert json.loads(outcome.payload) == {"event": {"a": 1}, "name": "greet", "region": "us-east-1"}
        assert outcome.cold
        arn = functions.catalogue.find(SCOPE, "greet").arn
        await journal.commit(targets.send(SCOPE, Delivery(arn=arn, payload=b'"later"', source="schedule")))
        while work.pending():
            await work.idle()
        first, second = meter.invocations(SCOPE, "greet")
        assert (first.cold, second.cold) == (True, False)
        assert second.source == "schedule"
        assert any("REPORT RequestId" in line for line in outcome.log)
        assert any("saw" in line for line in outcome.log)
    finally:
        await work.stop(1)
        await pool.close(1)
        await journal.close()
