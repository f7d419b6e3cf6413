"""AWS's wire formats, driven by AWS's own service models.

What it is for: turning an HTTP request into an operation with plain parameters, and an operation's result or error into
an HTTP answer, in whichever of AWS's protocols the client speaks (query, JSON 1.0/1.1, REST-JSON, REST-XML).

Nouns: a *model* is a service's description, read from the installed botocore's data files (`models.py`; botocore itself
is never imported); a *shape* is one type in it (`shapes.py`); an *operation* has readers and writers that are compiled
into closures when it is first used (`operations.py`, `codecs.py`); *patches* mend what a model does not say.

Which way data flows:

    request -> locate.py (which service?) -> operations.py (which operation and protocol?)
            -> query_format / json_format / xml_format / rest.py (parameters) -> validation.py
    result  -> the same formats -> answer;      error -> faults.py -> answer

`signing.py` reads and verifies signatures, `eventstream.py` frames event streams. Start reading in `operations.py`.
"""
