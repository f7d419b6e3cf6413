"""What serverless-wsgi's handler name (`wsgi_handler.handler`) stands for: HTTP events to a WSGI app.

`ADAPTOR` is the text placed into the function's code; it runs inside the function, on the standard library alone. It
reads `.serverless-wsgi` (JSON: `app`, `text_mime_types`, `strip_base_path`) beside it.
Event formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html;
WSGI: https://peps.python.org/pep-3333/
"""

from __future__ import annotations

from pathlib import Path

ADAPTOR = Path(__file__).with_name("wsgi_adaptor.py").read_text(encoding="utf-8")
