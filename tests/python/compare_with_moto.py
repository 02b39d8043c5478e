#!/usr/bin/env python3
"""Runs the same random operations on the Secrets Manager simulator and on moto, and lists the differences.

usage: compare_with_moto.py GENESYS_ROTATOR SEED ROUNDS

A round creates a secret and ends at its first difference, because later ones would follow from it. A difference that
moto_deviations.json does not list is an error. An entry that no round shows is printed.
"""
import json
import random
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = Path(__file__).parent
# Signatures, with what Secrets Manager does.
DEVIATIONS = json.loads((HERE / "moto_deviations.json").read_text())
OPERATIONS_PER_ROUND = 12
LABELS = [None, ["AWSPENDING"], ["MINE"], ["AWSCURRENT"]]


def client(url):
    return boto3.client(
        "secretsmanager", endpoint_url=url, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )


def without_nones(**members):
    return {name: value for name, value in members.items() if value is not None}


def operation(chance, name, versions):
    """A random operation on the secret."""
    known = chance.choice(versions)
    fresh = f"{chance.getrandbits(128):032x}"
    put = without_nones(
        SecretId=name, ClientRequestToken=chance.choice([fresh, fresh, known]), SecretString=chance.choice("ab"),
        VersionStages=chance.choice(LABELS),
    )
    update = {"SecretId": name, "ClientRequestToken": chance.choice([fresh, known]), "SecretString": chance.choice("ab")}
    get = without_nones(
        SecretId=name, VersionId=chance.choice([None, known]), VersionStage=chance.choice([None, "AWSPREVIOUS", "AWSPENDING", "MINE"]),
    )
    stage = without_nones(
        SecretId=name, VersionStage=chance.choice(["AWSCURRENT", "AWSPENDING", "MINE"]),
        RemoveFromVersionId=chance.choice([None, *versions]), MoveToVersionId=chance.choice([None, *versions]),
    )
    return chance.choice([
        ("put_secret_value", put), ("put_secret_value", put), ("update_secret", update), ("get_secret_value", get),
        ("get_secret_value", get), ("update_secret_version_stage", stage), ("update_secret_version_stage", stage),
        ("tag_resource", {"SecretId": name, "Tags": [{"Key": chance.choice("kl"), "Value": "v"}]}),
        ("untag_resource", {"SecretId": name, "TagKeys": [chance.choice("kl")]}),
        ("update_secret", {"SecretId": name, "Description": chance.choice(["", "text"])}),
        ("delete_secret", {"SecretId": name, "RecoveryWindowInDays": chance.choice([6, 7])}),
        ("restore_secret", {"SecretId": name}),
    ])


def outcome(secrets, action, members):
    """The error's code, or what both must agree on."""
    try:
        answer = getattr(secrets, action)(**members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    kept = {name: answer.get(name) for name in ("Name", "VersionId", "SecretString", "Description", "Tags")}
    # moto has no empty Tags, lists versions without labels, and lists a label twice.
    kept["Tags"] = kept["Tags"] or None
    kept["VersionStages"] = sorted(answer.get("VersionStages", []))
    kept["labels"] = {version: sorted(set(labels)) for version, labels in answer.get("VersionIdsToStages", {}).items() if labels}
    return json.dumps(kept, sort_keys=True)


def differences(ours, theirs, seed, number):
    """Yields the first difference of a round: its signature and its story."""
    chance = random.Random(f"{seed}/{number}")
    name, versions = f"round-{seed}-{number}", [f"{chance.getrandbits(128):032x}"]
    story = [("create_secret", {"Name": name, "ClientRequestToken": versions[0], "SecretString": "a"})]
    for step in range(OPERATIONS_PER_ROUND):
        action, members = story[-1]
        if "ClientRequestToken" in members:
            versions.append(members["ClientRequestToken"])
        for look, look_members in [(action, members), ("describe_secret", {"SecretId": name})]:
            mine, other = outcome(ours, look, look_members), outcome(theirs, look, look_members)
            if mine != other:
                kinds = ["answer" if found.startswith("{") else found for found in (mine, other)]
                after = f" after {action}" if look != action else ""
                yield f"{look}{after}: {kinds[0]}, moto: {kinds[1]}", [*story, f"ours: {mine}", f"moto: {other}"]
                return
        story.append(operation(chance, name, versions))


def main(program, seed, rounds):
    sim = subprocess.Popen([program, "sim"], stdout=subprocess.PIPE, text=True)
    moto = subprocess.Popen([sys.executable, HERE / "moto_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        ours = client(json.loads(sim.stdout.readline())["secrets_manager"])
        theirs = client(moto.stdout.readline().strip())
        seen = {}
        for number in range(int(rounds)):
            for signature, story in differences(ours, theirs, seed, number):
                seen.setdefault(signature, story)
    finally:
        sim.terminate()
        moto.kill()
    for signature in sorted(seen.keys() - DEVIATIONS.keys()):
        print(f"new: {signature}", *seen[signature], sep="\n    ")
    for signature in sorted(DEVIATIONS.keys() - seen.keys()):
        print(f"not seen: {signature}")
    print(f"{rounds} rounds with the seed {seed}: {len(seen)} differences, {len(DEVIATIONS)} listed")
    sys.exit(bool(seen.keys() - DEVIATIONS.keys()))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
