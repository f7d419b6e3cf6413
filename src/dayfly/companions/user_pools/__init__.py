"""Cognito's user pools, as far as they are more than records: functions that are asked, codes that are mailed.

Nouns: a *call* is one request of somebody about a pool (`call.py`); a *trigger* is a function that the pool names in
its `LambdaConfig`, asked before or after what the call does (`triggers.py`); a *code* proves that a mail was read
(`codes.py`), a *letter* brings it (`letters.py`). The records themselves, passwords and tokens are the companion's.

Data flows from `companions.py` into `service.py`, which finds the operation's flow by its name: `sign_up.py`,
`passwords.py`, `attributes.py`, `sign_in.py` with `tokens.py`, `challenges.py` and `migration.py`. A flow asks
functions while no lock is held (they call Cognito, too), and hands what they decided to the companion inside the one
call that is kept and repeated after a restart: functions are never asked again for what is repeated.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from dayfly.companions.user_pools.letters import Post
from dayfly.companions.user_pools.service import UserPools
from dayfly.companions.user_pools.triggers import Run

__all__ = ["Post", "Run", "UserPools"]
