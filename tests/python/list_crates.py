#!/usr/bin/env python3
"""Adds a list of crates to an ELF binary, in place, as cargo-auditable does: zlib-compressed JSON in the section .dep-v0.

usage: list_crates.py BINARY NAME@VERSION...    the first crate is the root
"""
import json
import struct
import sys
import zlib
from pathlib import Path

SECTION = b".dep-v0\0"
# The offsets in a 64-bit ELF header: of the sections, of their count, and of the index of their names.
OFFSET, COUNT, NAMES, SIZE = 40, 60, 62, 64


def main(path, *crates):
    data = bytearray(path.read_bytes())
    packages = [dict(zip(("name", "version"), crate.split("@")), root=number == 0) for number, crate in enumerate(crates)]
    content = zlib.compress(json.dumps({"packages": packages}).encode())
    start, = struct.unpack_from("<Q", data, OFFSET)
    count, index = struct.unpack_from("<HH", data, COUNT)
    headers = [bytearray(data[start + SIZE * number:start + SIZE * (number + 1)]) for number in range(count)]
    if not headers:
        # An empty first section, and the names.
        headers, index = [bytearray(SIZE), bytearray(struct.pack("<II", 0, 3) + bytes(SIZE - 8))], 1
    place, length = struct.unpack_from("<QQ", headers[index], 24)
    names = (bytes(data[place:place + length]) or b"\0") + SECTION
    added = struct.pack("<IIQQQQIIQQ", len(names) - len(SECTION), 1, 0, 0, len(data), len(content), 0, 0, 1, 0)
    data += content
    struct.pack_into("<QQ", headers[index], 24, len(data), len(names))
    data += names
    struct.pack_into("<Q", data, OFFSET, len(data))
    struct.pack_into("<HHH", data, COUNT - 2, SIZE, len(headers) + 1, index)
    path.write_bytes(data + b"".join(headers) + added)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
