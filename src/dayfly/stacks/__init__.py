"""Stacks: what was built for an application, kept durably after every step.

Nouns: a *stack* has a name in a scope and an id; its *resources* are the steps that are done, each with its physical
id, attributes and the properties it was made of; *events* tell its history. `app.apply` writes here after each step, so
that a run that was cut off is taken up where it stopped.

Every method that changes state is a transition: it returns changes for the caller to commit.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks.html
"""

from dayfly.stacks.records import Event, Export, Resource, Stack, StackNotFound
from dayfly.stacks.stacks import Stacks

__all__ = ["Event", "Export", "Resource", "Stack", "StackNotFound", "Stacks"]
