"""What the mailbox refuses.

https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html#API_SendEmail_Errors
"""

from __future__ import annotations

from dayfly.errors import Error


class InvalidAddress(Error):
    """Missing final '@domain'"""


class InvalidMail(Error):
    """A parameter of the mail is not valid."""


class Rejected(Error):
    """The message was not accepted."""


class NoSuchTemplate(Error):
    """The template does not exist."""


class TemplateExists(Error):
    """The template exists already."""


class InvalidTemplate(Error):
    """The template is not valid."""


class InvalidTemplateData(Error):
    """Template rendering data is invalid."""


class MissingAttribute(Error):
    """A replacement value of the template was not given."""


class NoSuchConfigurationSet(Error):
    """The configuration set does not exist."""


class ConfigurationSetExists(Error):
    """The configuration set exists already."""


class NoSuchEventDestination(Error):
    """The event destination does not exist."""


class EventDestinationExists(Error):
    """The event destination exists already."""


class NoSuchIdentity(Error):
    """The identity does not exist."""


class IdentityExists(Error):
    """The identity exists already."""


class NoSuchMessage(Error):
    """There is no such mail."""
