"""Functions: their configuration, code, versions, aliases and layers, and how an event reaches one.

Nouns: a *function* has one *configuration* per version (`$LATEST` and the published, immutable ones), *aliases* that
point at versions, a resource policy, URLs and event invoke configurations. Its *code* is a directory: unpacked once
from a zip under its SHA-256, or mounted from a developer's working tree.

Data flows: `publish.py` (transitions that create and change, on the state in `catalogue.py`) returns changes for the
journal; `invoke.py` resolves a name to a `runtime.Spec`, hands the event to the pool and records what came of it;
`events.py` runs asynchronous invocations from the durable work queue with AWS's retries and destinations.
`service.py` is the face of it all. Start there.

References: https://docs.aws.amazon.com/lambda/latest/api/welcome.html
"""

from dayfly.functions.errors import FunctionNotFound, TooManyRequests
from dayfly.functions.invoke import Outcome
from dayfly.functions.service import Functions

__all__ = ["FunctionNotFound", "Functions", "Outcome", "TooManyRequests"]
