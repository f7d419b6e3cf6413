"""What a user pool writes to its users, into the inbox; the CustomMessage function may write it instead.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from html import escape
from typing import Any, Protocol
from urllib.parse import urlencode

from dayfly.companions.user_pools.call import Found, User
from dayfly.companions.user_pools.triggers import SENDERS, Triggers, function_of
from dayfly.identity import Scope

_log = logging.getLogger("dayfly.user_pools")
_SENDER = "no-reply@verificationemail.com"
_CODE, _LINK, _NAME = "{####}", "{##Click Here##}", "{username}"
_LINKED = re.compile(r"\{##(.+?)##\}")
_TEXTS = {
    "verification": ("Your verification code", f"Your confirmation code is {_CODE}"),
    "invitation": ("Your temporary password", f"Your username is {_NAME} and temporary password is {_CODE}."),
}


class Post(Protocol):
    def __call__(self, scope: Scope, sender: str, to: str, subject: str, html: str, /) -> Awaitable[None]:
        """A mail on its way; durable when this returns."""
        ...


class Letters:
    def __init__(self, triggers: Triggers, post: Post | None) -> None:
        self._triggers = triggers
        self._post = post

    async def write(
        self,
        found: Found,
        user: User,
        source: str,
        attribute: str,
        code: str,
        *,
        name: str,
        metadata: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Bring a code (or, to somebody invited, the first password) to where `attribute` says. `source` is what
        functions are told: `SignUp`, `AdminCreateUser` … Answers CodeDeliveryDetails. Raises Refused of functions."""
        invited = source == "AdminCreateUser"
        subject, text, sms = _texts(found, invited=invited)
        request = {
            "userAttributes": user.shown,
            "codeParameter": _CODE,
            "linkParameter": _LINK,
            "usernameParameter": _NAME if invited else None,
            "clientMetadata": metadata,
        }
        asked = {"smsMessage": None, "emailMessage": None, "emailSubject": None}
        said = await self._triggers.ask(found, "CustomMessage", source, user.username, request, asked) or {}
        subject, text = said.get("emailSubject") or subject, said.get("emailMessage") or text
        to = user.attributes.get(attribute, "")
        sender = SENDERS[attribute]
        if function_of(found, sender):
            _log.warning("dayfly does not run the %s function of %s; it sends as if there were none", sender, found.id)
        if attribute == "email":
            await self._mail(found, to, subject, _filled(found, user, text, code, name))
        else:
            # No text message can be sent from here; without this line nobody would ever learn the code.
            sms = said.get("smsMessage") or sms
            _log.warning(
                "dayfly sends no text messages; to %s it would be: %s", to, _filled(found, user, sms, code, name)
            )
        return delivery(attribute, to)

    async def _mail(self, found: Found, to: str, subject: str, html: str) -> None:
        sender = (found.pool.get("EmailConfiguration") or {}).get("From") or _SENDER
        if self._post is not None and to:
            await self._post(found.scope, sender, to, subject, html)


def delivery(attribute: str, to: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CodeDeliveryDetailsType.html"""
    if attribute == "email":
        local, _, domain = to.partition("@")
        return {"Destination": f"{local[:1]}***@{domain[:1]}***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    return {"Destination": f"+*******{to[-4:]}", "DeliveryMedium": "SMS", "AttributeName": "phone_number"}


def _texts(found: Found, *, invited: bool) -> tuple[str, str, str]:
    """Subject, mail and text message as the pool has them, with their placeholders."""
    pool = found.pool
    subject, text = _TEXTS["invitation" if invited else "verification"]
    if invited:
        template: dict[str, Any] = (pool.get("AdminCreateUserConfig") or {}).get("InviteMessageTemplate") or {}
        mail = template.get("EmailMessage") or text
        return template.get("EmailSubject") or subject, mail, template.get("SMSMessage") or text
    template = pool.get("VerificationMessageTemplate") or {}
    sms = pool.get("SmsVerificationMessage") or template.get("SmsMessage") or text
    if template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK":
        linked = template.get("EmailMessageByLink") or "Please click the link below to verify your email address. "
        linked = linked if _LINKED.search(linked) else linked + "{##Verify Email##}"
        return template.get("EmailSubjectByLink") or "Your verification link", linked, sms
    subject = pool.get("EmailVerificationSubject") or template.get("EmailSubject") or subject
    return subject, pool.get("EmailVerificationMessage") or template.get("EmailMessage") or text, sms


def _filled(found: Found, user: User, text: str, code: str, name: str) -> str:
    asked = {"client_id": found.client_id, "user_name": user.username, "confirmation_code": code}
    host = f"{found.pool.get('Domain') or found.id}.auth.{found.region}.amazoncognito.com"
    link = f"https://{host}/confirmUser?{urlencode(asked)}"
    text = text.replace(_CODE, code).replace(_NAME, name)
    return _LINKED.sub(lambda match: f'<a href="{escape(link)}">{match[1]}</a>', text)
