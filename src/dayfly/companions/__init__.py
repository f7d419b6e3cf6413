"""Services that dayfly does not serve itself: DynamoDB, S3, SSM, Secrets Manager, Step Functions, Cognito, KMS and
more.

Nouns: a *companion* is who answers for such a service: an endpoint the user named, else `moto_server` (a library of
AWS services kept in memory) as our child process on a private loopback port, started on first use. A *call* is a
request that changed something there: calls are committed to our journal before they are answered and repeated to a
fresh child, so that companions, too, still have what was acknowledged after a restart.

Data flows from the listener (or from `call`, the door for stacks) through `companions.py` into `proxy.py` (HTTP to the
companion, as it came); `child.py` keeps the process, `inside.py` is what runs in it, `replay.py` says which
requests are calls. Start reading with `companions.py`.
"""

from dayfly.companions.companions import Companions, refused

__all__ = ["Companions", "refused"]
