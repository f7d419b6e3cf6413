"""Messages to browsers over the WebSocket API."""

import functools
import json
import os

import boto3

from exchange import tables


@functools.cache
def connections():
    return boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["WEBSOCKET_ENDPOINT"])


def broadcast(message):
    """Send to every open connection; forget those that are gone. The number that got it."""
    data = json.dumps(message, default=str).encode()
    reached = 0
    for connection in tables.every("CONNECTIONS_TABLE"):
        try:
            connections().post_to_connection(ConnectionId=connection["connection_id"], Data=data)
            reached += 1
        except connections().exceptions.GoneException:
            tables.table("CONNECTIONS_TABLE").delete_item(Key={"connection_id": connection["connection_id"]})
    return reached
