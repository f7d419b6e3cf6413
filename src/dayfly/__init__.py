"""dayfly: a self-hosted serverless platform.

Takes a `serverless.yml` or SAM `template.yaml` application, with unchanged handlers and AWS SDK calls, and runs it
for real. `server.py` builds all parts; `docs/ARCHITECTURE.md` is the map.
"""

__version__ = "0.1.0"
