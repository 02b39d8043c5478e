#!/usr/bin/env python3
"""Serves moto on a free loopback port, prints its URL, and stops at the end of standard input."""
import contextlib
import logging
import sys

try:
    from moto.server import ThreadedMotoServer
except ImportError as missing:
    sys.exit(f"skipped: {missing}")

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
with contextlib.redirect_stdout(sys.stderr):
    server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
sys.stdin.read()
