#!/usr/bin/env python3
"""Runs a command on a terminal of its own, answers what it asks, and prints all that it wrote.

terminal.py '[["what is waited for", "what is typed then"], ...]' COMMAND ARGUMENT...
It exits as the command does; "\\u0003" types Ctrl-C.
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

# This only bounds a command that would wait for ever.
PATIENCE = 60

replies = [(words.encode(), typed.encode()) for words, typed in json.loads(sys.argv[1])]
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
written, looked_from, give_up = b"", 0, time.monotonic() + PATIENCE
while True:
    if time.monotonic() > give_up:
        sys.exit(f"it never said {replies[0][0] if replies else 'goodbye'}: {written}")
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # how a terminal says that nobody is there any more
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
