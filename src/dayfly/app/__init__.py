"""What an application is, read from the files its team already has, and how it becomes running resources.

Nouns: an *application* (`load.Application`) is a CloudFormation template plus where the code of its functions lies; a
*plan* is the ordered list of steps from what exists to what is wanted; `apply` takes them.

    files ── yaml ── variables ── serverless ─┐
    files ── yaml ── sam ─────────────────────┴─ Application ── build ── plan ── apply ── resources/<service>

CloudFormation resources are the one neutral model: `serverless.yml` is compiled with the Framework's own logical ids,
SAM is expanded by aws-sam-translator. Every mapping keeps the file and line it came from (`yaml.Map`), so that errors
and the compatibility report (`report`) can name them. Start reading at `load.py`.
"""
