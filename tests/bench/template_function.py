#!/usr/bin/env python3
"""A rotation function in the shape of AWS's own template: boto3, and a client made while it loads.

The loop at the end stands for Lambda's Python runtime; the real one does more, so this is kind to Python.
"""
import http.client
import json
import logging
import os

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)
client = boto3.client("secretsmanager")


def lambda_handler(event, context):
    return {"step": event["Step"], "rotation": client.describe_secret(SecretId=event["SecretId"])["RotationEnabled"]}


runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = runtime.getresponse()
    body, request = json.loads(answer.read()), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    result = json.dumps(lambda_handler(body, None))
    runtime.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", body=result)
    runtime.getresponse().read()
