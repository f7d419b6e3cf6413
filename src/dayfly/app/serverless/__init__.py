"""Compiles `serverless.yml` (dialects of versions 1 to 4) to a CloudFormation template with the Framework's own ids.

Nouns: a `Service` is the compilation of one file: its resolved sections, and the template, code map and report as they
grow; a `Function` is one entry of `functions`. `compile_service` is the order of things: settings, plugins, constructs,
layers, functions, their events (one module per kind under `events/`), then the user's own `resources` on top, because
these may refer to, extend and override what was compiled.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml
"""

from dayfly.app.serverless.compilation import compile_service
from dayfly.app.serverless.service import Function, Service

__all__ = ["Function", "Service", "compile_service"]
