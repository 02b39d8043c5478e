"""The token of a secret that rotates, for PureCloudPlatformClientV2, read with boto3.

client = PureCloudPlatformClientV2.api_client.ApiClient()
rotated = RotatedTokenClient("genesys/prod")
client.set_http_client(rotated)
"""

import json
import logging
import threading
import time
from datetime import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from PureCloudPlatformClientV2.default_http_client import DefaultHttpClient
from PureCloudPlatformClientV2.rest import ApiException

MARGIN = 60  # seconds before expires_at from which the secret is read again
# Seconds without a read for the same reason; doubled while no read brings another token.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5


class RotatedTokenClient(DefaultHttpClient):
    def __init__(self, secret_id):
        super().__init__()
        limits = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 2})
        self.secrets = boto3.client("secretsmanager", config=limits)
        self.secret_id, self.lock = secret_id, threading.Lock()
        self.token, self.expires_at = None, None
        self.next_read, self.pause = {True: 0, False: 0}, {True: FIRST_PAUSE, False: FIRST_PAUSE}

    def request(self, options):
        token = self.current()
        try:
            return self.send(options, token)
        except ApiException as error:
            other = self.current(rejected=token) if error.status == 401 else token
            if other == token:
                raise
        return self.send(options, other)

    def send(self, options, token):
        options.headers["Authorization"] = f"Bearer {token}"
        return super().request(options)

    def current(self, rejected=None):
        with self.lock:
            ends = self.expires_at is not None and self.expires_at - time.time() < MARGIN
            is_rejected = self.token in (None, rejected)
            if (ends or is_rejected) and time.monotonic() >= self.next_read[is_rejected]:
                before = self.token
                try:
                    self.read()
                except (BotoCoreError, ClientError, ValueError) as error:
                    if before is None:
                        raise
                    logging.warning("%s cannot be read, its last token is used: %s", self.secret_id, error)
                if self.token == before:
                    self.next_read[is_rejected] = time.monotonic() + self.pause[is_rejected]
                    self.pause[is_rejected] = min(2 * self.pause[is_rejected], LONGEST_PAUSE)
                else:
                    self.next_read[is_rejected], self.pause[is_rejected] = 0, FIRST_PAUSE
            return self.token

    def read(self):
        answer = self.secrets.get_secret_value(SecretId=self.secret_id)
        try:
            document = json.loads(answer.get("SecretString", ""))
        except ValueError:
            document = None  # the error itself contains the secret
        token = document.get("access_token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not token:
            raise ValueError("it is not a JSON object with an access_token")
        try:
            expires_at = datetime.fromisoformat(document["expires_at"].replace("Z", "+00:00")).timestamp()
        except (AttributeError, KeyError, OverflowError, ValueError):
            expires_at = None
        self.token, self.expires_at = token, expires_at
