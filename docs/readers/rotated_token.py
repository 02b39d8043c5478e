"""The token of a secret that rotates, for PureCloudPlatformClientV2, read with boto3.

client = PureCloudPlatformClientV2.api_client.ApiClient()
client.set_http_client(RotatedTokenClient("genesys/prod"))
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
PAUSE = 5  # seconds without a read for the same reason after one that brought no other token


class RotatedTokenClient(DefaultHttpClient):
    def __init__(self, secret_id):
        super().__init__()
        limits = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 2})
        self.secrets = boto3.client("secretsmanager", config=limits)
        self.secret_id, self.lock = secret_id, threading.Lock()
        self.token, self.expires_at, self.next_read = None, None, {True: 0, False: 0}

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
                except (BotoCoreError, ClientError, KeyError, ValueError) as error:
                    if before is None:
                        raise
                    logging.warning("%s cannot be read, its last token is used: %s", self.secret_id, error)
                self.next_read[is_rejected] = time.monotonic() + PAUSE if self.token == before else 0
            return self.token

    def read(self):
        document = json.loads(self.secrets.get_secret_value(SecretId=self.secret_id)["SecretString"])
        text = document.get("expires_at")
        expires_at = datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
        self.token, self.expires_at = document["access_token"], expires_at
