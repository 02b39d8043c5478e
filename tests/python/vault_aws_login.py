"""Vault's auth method `aws` in front of a real OpenBao, which does not have it.

It checks a login as Vault does (builtin/credential/aws, "pathLoginUpdateIam") and the signature as STS does, with botocore. A valid
login gets a token of OpenBao that ends after a few uses. All other requests are passed on. The first line of the output is the address,
and each login adds one. It ends with its standard input.
"""

import base64
import json
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

BAO, ROOT, KEY_ID, SECRET, SESSION, REGION, HOST, SERVER_ID = sys.argv[1:9]
USES = 6
BODY = "Action=GetCallerIdentity&Version=2011-06-15"
ALLOWED = {"authorization", "content-type", "host", "x-amz-date", "x-amz-security-token", "x-vault-aws-iam-server-id"}


def signed_again(headers, names, date):
    """The Authorization header that botocore computes for the same request at the same time."""
    request = AWSRequest("POST", f"https://{HOST}/", data=BODY)
    for name in names - {"host", "x-amz-date", "x-amz-security-token"}:
        request.headers[name] = headers[name]
    request.context["timestamp"] = date
    signer = SigV4Auth(Credentials(KEY_ID, SECRET, SESSION), "sts", REGION)
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={signed}, Signature={signature}"


def refusal(login):
    """Why a login is refused; `None` if it is valid."""
    decoded = {name: base64.b64decode(login[f"iam_request_{name}"]).decode() for name in ("url", "body", "headers")}
    headers = {name.lower(): value for name, value in json.loads(decoded["headers"]).items()}
    if login["iam_http_request_method"] != "POST" or decoded["url"] != f"https://{HOST}/" or decoded["body"] != BODY:
        return f"the request is {decoded}"
    if not set(headers) <= ALLOWED:
        return f"invalid request header: {sorted(set(headers) - ALLOWED)}"
    names = set(headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";"))
    if headers.get("x-vault-aws-iam-server-id") != SERVER_ID or "x-vault-aws-iam-server-id" not in names:
        return "missing header X-Vault-AWS-IAM-Server-ID"
    if headers["authorization"] != signed_again(headers, names, headers["x-amz-date"]):
        return "SignatureDoesNotMatch"
    return None if login["role"] == "ci" else "entry for role nobody not found"


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self, path, body, headers):
        request = urllib.request.Request(BAO + path, data=body, headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as response:
                self.answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.read())

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        if self.path != "/v1/auth/aws/login":
            kept = {name: value for name, value in self.headers.items() if name.lower() in ("x-vault-token", "content-type")}
            return self.pass_on(self.path, body, kept)
        why = refusal(json.loads(body))
        print("login" if why is None else f"refused: {why}", flush=True)
        if why is not None:
            return self.answer(400, json.dumps({"errors": [why]}).encode())
        token = json.dumps({"policies": ["rotator"], "num_uses": USES}).encode()
        self.pass_on("/v1/auth/token/create", token, {"X-Vault-Token": ROOT})

    do_GET = do_POST = do_PUT = handle_request

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
