"""Event notifications of S3 buckets. The objects themselves are kept by a companion.

Nouns: an *act* is what one successful request did to one object (created it, removed it); a *rule* says which acts of a
bucket go to which function, queue or topic.

Data flows from the companions' door, which shows every change it passed on, through `acts.py` (request → acts) and
`rules.py` (which rules want an act, and the event they get) into the durable deliveries of `targets.py`; they are
committed together with the record of the request, so an acknowledged write is never without its event. Start reading
with `service.py`.
"""

from dayfly.buckets.service import Buckets

__all__ = ["Buckets"]
