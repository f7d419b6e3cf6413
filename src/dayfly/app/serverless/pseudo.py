"""`#{AWS::Region}` and the like, which two plugins let stand in any text: substituted by CloudFormation.

https://www.npmjs.com/package/serverless-pseudo-parameters,
https://www.npmjs.com/package/serverless-cloudformation-sub-variables
"""

from __future__ import annotations

import re
from typing import Any

from dayfly.app.yaml import Map, mark_of

PLUGINS = frozenset({"serverless-pseudo-parameters", "serverless-cloudformation-sub-variables"})
_NAME = re.compile(r"#\{([A-Za-z0-9:.]+)\}")


def substitute(node: Any, container: Any = None) -> Any:
    """The node with every such text as an `Fn::Sub`, in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            node[key] = _in_sub(value) if key == "Fn::Sub" else substitute(value, node)
    elif isinstance(node, list):
        node[:] = [substitute(item, node) for item in node]
    elif isinstance(node, str) and _NAME.search(node):
        made = Map(mark_of(container))
        # What already looks like a variable of Fn::Sub is plain text to these plugins.
        made["Fn::Sub"] = _NAME.sub(r"${\1}", re.sub(r"\$\{(?!!)", "${!", node))
        return made
    return node


def _in_sub(value: Any) -> Any:
    if isinstance(value, str):
        return _NAME.sub(r"${\1}", value)
    if isinstance(value, list) and value:
        value[0] = _in_sub(value[0])
        value[1:] = [substitute(one, value) for one in value[1:]]
    return value
