"""DynamoDB tables, named by the environment."""

import functools
import os

import boto3


@functools.cache
def table(variable):
    return boto3.resource("dynamodb").Table(os.environ[variable])


def get(variable, **key):
    return table(variable).get_item(Key=key, ConsistentRead=True).get("Item")


def put(variable, **item):
    table(variable).put_item(Item=item)


def every(variable, **options):
    """All items of a scan, page by page."""
    while True:
        page = table(variable).scan(**options)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
