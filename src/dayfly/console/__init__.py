"""Pages for people, under `/_dayfly/`: jinja2 templates, a little CSS, a little script, no build step.

Nouns: a *page set* is a class with `async answer(request, scope) -> Response | None` (None: not mine); `pages.py`
has what they share (templates, static files, what a browser may load). Data flows from the domain's public names into
templates. Start reading with `mail_pages.py`.
"""
