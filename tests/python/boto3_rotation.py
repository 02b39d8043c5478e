#!/usr/bin/env python3
"""A plain boto3 script that stores a Genesys Cloud document in Secrets Manager and rotates it.

Only AWS_ENDPOINT_URL_SECRETS_MANAGER selects the simulator. The script prints each result and exits with 1 at the first
mismatch.
"""
import json
import os
import sys
import time
from datetime import datetime, timedelta

try:
    import boto3
    from botocore.exceptions import ClientError
except ImportError:
    print("skipped: boto3 is not installed")
    sys.exit(0)

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:genesys-rotator"
WRITTEN = {"access_token", "token_type", "issued_at", "expires_at"}
# A rotation takes seconds. This limits the wait.
PATIENCE = 60


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"mismatch: {what} is {found!r}, not {wanted!r}")
    print(f"ok: {what} is {wanted!r}")


def holder(secrets, name, label):
    versions = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    return next((version for version, labels in versions.items() if label in labels), None)


def rotate(secrets, name, **settings):
    """Starts a rotation and waits until its version is current."""
    version = secrets.rotate_secret(SecretId=name, **settings)["VersionId"]
    give_up = time.monotonic() + PATIENCE
    while holder(secrets, name, "AWSCURRENT") != version:
        if time.monotonic() > give_up:
            sys.exit(f"mismatch: {version} was not promoted within {PATIENCE} s")
        time.sleep(0.05)
    print(f"ok: {version} is current")
    return version


def read(secrets, name, **which):
    return json.loads(secrets.get_secret_value(SecretId=name, **which)["SecretString"])


def check_document(document, stored):
    expect("what was stored", {field: document.get(field) for field in stored}, stored)
    expect("what was added", set(document) - set(stored), WRITTEN)
    expect("the order of the fields", list(document)[: len(stored)], list(stored))
    expect("the token's type", document["token_type"], "bearer")
    issued, expires = (datetime.fromisoformat(document[field].replace("Z", "+00:00")) for field in ("issued_at", "expires_at"))
    expect("the token's life", expires - issued, timedelta(seconds=86399))


def check_refusals(secrets, name):
    try:
        secrets.rotate_secret(SecretId=name + "-missing")
    except ClientError as error:
        expect("the code of an unknown secret", error.response["Error"]["Code"], "ResourceNotFoundException")
        return
    sys.exit("mismatch: an unknown secret was rotated")


def main(client_id, client_secret, name):
    secrets = boto3.client("secretsmanager", region_name=os.environ.get("AWS_REGION", "us-east-1"))
    stored = {"region": "mypurecloud.ie", "client_id": client_id, "owner": {"team": "pipelines", "pager": [1, 2]}, "client_secret": client_secret}
    made = secrets.create_secret(Name=name, SecretString=json.dumps(stored))["VersionId"]

    settings = {"RotationLambdaARN": FUNCTION, "RotationRules": {"ScheduleExpression": "rate(4 hours)", "Duration": "1h"}}
    first = rotate(secrets, name, **settings)
    described = secrets.describe_secret(SecretId=name)
    expect("rotation", described["RotationEnabled"], True)
    expect("the function", described["RotationLambdaARN"], FUNCTION)
    expect("a next rotation", "NextRotationDate" in described, True)
    document = read(secrets, name)
    check_document(document, stored)
    expect("the previous version", holder(secrets, name, "AWSPREVIOUS"), made)

    second = rotate(secrets, name)
    renewed = read(secrets, name)
    check_document(renewed, stored)
    expect("a new token", renewed["access_token"] != document["access_token"], True)
    expect("the previous version", holder(secrets, name, "AWSPREVIOUS"), first)
    expect("the token before", read(secrets, name, VersionStage="AWSPREVIOUS"), document)
    expect("what is pending", holder(secrets, name, "AWSPENDING") in (None, second), True)
    check_refusals(secrets, name)
    print("rotated twice")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: boto3_rotation.py CLIENT_ID CLIENT_SECRET SECRET_NAME")
    main(*sys.argv[1:])
