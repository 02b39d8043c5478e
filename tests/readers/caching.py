"""AWS's caching library for Python. Prints the token for each line on standard input; `refresh` refreshes the cache before."""

import json
import os
import sys

import boto3
from aws_secretsmanager_caching import SecretCache

cache = SecretCache(client=boto3.client("secretsmanager"))
for line in sys.stdin:
    if line == "refresh\n":
        cache.refresh_secret_now(os.environ["SECRET"])
    print(json.loads(cache.get_secret_string(os.environ["SECRET"]))["access_token"], flush=True)
