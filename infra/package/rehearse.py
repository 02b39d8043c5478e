#!/usr/bin/env python3
"""Rotates a secret with a rotation function and the simulators of a command line, and checks an engine's version.

usage: rehearse.py FUNCTION COMMAND_LINE ENGINE VERSION
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from artefacts import COMMAND_LINE
from image import Image

CLIENT_ID, CLIENT_SECRET = "a-client", "a-client-secret"
NAME = "packaged/genesys"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:genesys-rotator"
DOCUMENT = {"region": "mypurecloud.ie", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
# A rotation takes less than a second. This limits a program that does not end.
PATIENCE = 60


def main(arguments):
    if len(arguments) != 4:
        sys.exit(__doc__)
    found = list(rehearse(*map(Path, arguments[:3]), arguments[3]))
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(bool(found))


def rehearse(function, command_line, engine, version):
    """Yields each failure as a sentence."""
    yield from wrong_rotation(function, command_line)
    yield from wrong_engine(engine, version)


def wrong_rotation(function, command_line):
    """Starts the simulators with the function, creates a secret, and rotates it."""
    command = [command_line, "sim", "--function", function, "--client", f"{CLIENT_ID}:{CLIENT_SECRET}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulators:
        try:
            line = simulators.stdout.readline()
            if not line.startswith("{"):
                yield f"{command_line.name} does not start its simulators: {line}{simulators.stderr.read()}"
                return
            yield from wrong_answer(command_line, json.loads(line))
        except HTTPError as error:
            yield f"the function does not answer: {error.read().decode()}"
        finally:
            simulators.terminate()


def wrong_answer(command_line, urls):
    aws = urls["secrets_manager"]
    call(aws, "CreateSecret", Name=NAME, SecretString=json.dumps(DOCUMENT), ClientRequestToken="1" * 32)
    rules = {"ScheduleExpression": "rate(4 hours)"}
    # Secrets Manager then only tests the function. The next call starts the first rotation.
    # The simulator then answers after the test, and with its failure.
    send(urllib.request.Request(f"{aws}/_sim/secrets-manager", b'{"synchronous_tests": true}', method="PATCH"))
    settings = {"RotationLambdaARN": FUNCTION_ARN, "RotationRules": rules, "RotateImmediately": False}
    call(aws, "RotateSecret", SecretId=NAME, ClientRequestToken="2" * 32, **settings)
    environment = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": aws, "AWS_REGION": "eu-west-1", "PATH": os.environ["PATH"]}
    environment |= {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "simulated", "HOME": "/nonexistent"}
    environment |= {"ROTATOR_LOGIN_URL": urls["genesys"], "ROTATOR_API_URL": urls["genesys"]}
    for arguments in (["rotate", NAME], ["check", NAME]):
        ended = run([command_line, *arguments, "--output", "json"], environment)
        if ended.returncode:
            yield f"{arguments[0]} failed: {ended.stderr or ended.stdout}"
    current = json.loads(call(aws, "GetSecretValue", SecretId=NAME)["SecretString"])
    if not current.get("access_token"):
        yield "the rotated secret has no access_token"


def call(url, action, **members):
    """Calls an action of Secrets Manager. The simulator requires a signature but does not verify it."""
    scope = "simulated/20260101/eu-west-1/secretsmanager/aws4_request"
    headers = {
        "X-Amz-Target": f"secretsmanager.{action}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=simulated",
    }
    return json.loads(send(urllib.request.Request(url, json.dumps(members).encode(), headers)))


def send(request):
    # A proxy cannot reach loopback.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
        return answer.read()


def wrong_engine(engine, version):
    said = run([engine, "--version"]).stdout.strip()
    if not re.fullmatch(rf"\S+ v{re.escape(version)}", said):
        yield f"the engine reports {said!r}, expected v{version}"
    if run([engine, "--sha256"]).stdout.strip() != hashlib.sha256(engine.read_bytes()).hexdigest():
        yield "the engine reports a wrong checksum"


def run_image(archive, artefact, machine, version):
    """Runs the program of an image from its files alone, as its user. A command line must find the certificates."""
    if os.geteuid() != 0:
        print(f"SKIPPED: the image of {artefact.binary} was not run, because that needs root")
        return
    image = Image(archive)
    manifest = image.machines()[machine]
    settings = image.document(manifest["config"])["config"]
    user, group = map(int, settings["User"].split(":"))
    # In the environment of a container, nothing listens here.
    environment = dict(pair.split("=", 1) for pair in settings["Env"])
    environment |= {"ROTATOR_LOGIN_URL": "https://127.0.0.1:9", "ROTATOR_API_URL": "https://127.0.0.1:9"}
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        for name, (entry, content) in {**image.tree(manifest), "document.json": (None, json.dumps(DOCUMENT).encode())}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
            (root / name).chmod(entry.mode if entry else 0o600)
        os.chown(root / "document.json", user, group)
        command = [shutil.which("chroot") or "/usr/sbin/chroot", f"--userspec={user}:{group}", root, *settings["Entrypoint"]]
        said = run([*command, "--version"], environment)
        if version not in said.stdout:
            yield f"the image of {artefact.binary} reports {said.stdout or said.stderr}, expected {version}"
        if artefact is COMMAND_LINE:
            said = run([*command, "check", "file:/document.json"], environment).stderr
            # Without certificates, no connection is tried.
            if "is unreachable" not in said:
                yield f"the image of {artefact.binary} does not try a TLS connection: {said}"


def run(command, environment=None):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1:])
