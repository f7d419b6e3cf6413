"""EventBridge Pipes: from a queue or stream, through a filter and an enrichment, to one target.

Nouns: a *pipe* joins a source and a target; its *enrichment* is asked on the way and what it answers goes on instead; a
*template* (`template.py`) says what of a record the enrichment or the target gets.

Data flows: a pipe is a mapping of `functions.sources` whose receiver is not a function but the pipe: polling, filters,
batches, retries and places in streams are the same. `Carrier.invoke` (`carry.py`) takes a batch from there to the
target; what could not be delivered is reported as failed and returns by itself. `service.py` keeps pipes.

References: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
"""
