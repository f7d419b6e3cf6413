"""The mailbox: what applications send through SES, kept byte for byte.

Nouns: a `Message` is the small record of one sent mail (who, to whom, subject, when, its delivery state); its *body* is
the MIME text as sent, stored beside it under a key of its own and read from the journal when somebody looks.
Identities, templates and configuration sets are SES's. Data flows from `api/ses.py` and `api/sesv2.py` through
`compose.py` (parts to MIME) or `envelope.py` (MIME to who and whom) into `mailbox.py`, which returns changes and
commits them before it answers; `inbox.py` turns stored MIME into what people and programs read. Start reading with
`mailbox.py`.

Keys: `ses/<account>/<region>/…` are loaded into memory; `ses.body/<account>/<region>/<message id>` stay on disk.
"""

from dayfly.mail.compose import Letter
from dayfly.mail.mailbox import Mail
from dayfly.mail.records import ConfigurationSet, Identity, Message, Template

__all__ = ["ConfigurationSet", "Identity", "Letter", "Mail", "Message", "Template"]
