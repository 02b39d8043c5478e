#!/usr/bin/env python3
"""Runs a command on a pseudo-terminal, answers its questions, and prints its output.

terminal.py '[["text to wait for", "text to type"], ...]' COMMAND ARGUMENT...
It exits with the status of the command; "\\u0003" types Ctrl-C.
"""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

# This limits the wait.
PATIENCE = 60

replies = [(words.encode(), typed.encode()) for words, typed in json.loads(sys.argv[1])]
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
written, looked_from, give_up = b"", 0, time.monotonic() + PATIENCE
while True:
    if time.monotonic() > give_up:
        sys.exit(f"timed out waiting for {replies[0][0] if replies else 'the end'}: {written}")
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # the terminal reports EIO after the command has exited
        piece = b""
    if not piece:
        break
    written += piece
    while replies and (found := written.find(replies[0][0], looked_from)) >= 0:
        looked_from = found + len(replies[0][0])
        os.write(terminal, replies.pop(0)[1])
sys.stdout.buffer.write(written)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
