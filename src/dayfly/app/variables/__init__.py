"""The Serverless Framework's variables: `${type(params):address, fallback, "literal"}`, nested to any depth.

`grammar` parses text into parts, `resolver` gives them values lazily (only what is asked for is resolved, cycles are
errors with file and line), `sources` holds one function per type of variable. `${AWS::Region}` and the texts of
`Fn::Sub` are CloudFormation's and pass untouched.

Followed: https://www.serverless.com/framework/docs/guides/variables, with the leniency of its version 1 where real
files rely on it (`${self:provider.stage}` without `provider.stage`, `service` as an object).
"""

from dayfly.app.variables.resolver import Doors, Options, Resolver

__all__ = ["Doors", "Options", "Resolver"]
