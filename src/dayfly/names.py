"""Functions and schedules by what people call them: name, key in `serverless.yml`, logical id, ARN."""

from __future__ import annotations

from dayfly.console.control import NotFound
from dayfly.functions import Functions
from dayfly.functions.errors import FunctionNotFound, InvalidParameter, ValidationFailed
from dayfly.functions.names import read_function
from dayfly.identity import Scope
from dayfly.stacks import Stacks


class Names:
    """Looks functions up in the catalogue, then in the stacks that made them."""

    def __init__(self, *, functions: Functions, stacks: Stacks) -> None:
        self._functions = functions
        self._stacks = stacks

    def function(self, scope: Scope, said: str) -> str:
        """The physical name. Raises NotFound."""
        try:
            name = read_function(scope, said)
            self._functions.catalogue.get(name)
        except (FunctionNotFound, InvalidParameter, ValidationFailed):
            return self._in_stacks(scope, said)
        return name.name

    def _in_stacks(self, scope: Scope, said: str) -> str:
        for stack in self._stacks.all(scope):
            for key, (name, logical_id) in stack.functions.items():
                if said in (key, logical_id):
                    # A function that SAM leaves without a name got one when it was made.
                    made = self._stacks.resources(stack).get(logical_id)
                    return made.physical_id if made else name
        raise NotFound(f"there is no function {said}")

    def schedule(self, scope: Scope, said: str) -> str:
        """The physical name of what a stack made by this logical id; else what was said."""
        for stack in self._stacks.all(scope):
            made = self._stacks.resources(stack).get(said)
            if made is not None:
                return made.physical_id
        return said

    def functions(self, scope: Scope) -> list[dict[str, str]]:
        return [{"name": held.name} for held in self._functions.catalogue.every() if held.scope == scope]
