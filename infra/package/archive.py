"""Reproducible archives: the same input gives the same bytes on every machine.

Names, modes, owners and times are fixed. libdeflate compresses, because the output of Python's zlib depends on the
distribution. libdeflate's output is also a few per cent smaller.
"""
import io
import struct
import tarfile
import time
import zlib

import deflate

EXECUTABLE, READABLE = 0o755, 0o644
# The highest level of libdeflate.
LEVEL = 12
# 1980-01-01, the earliest time in the zip format.
EARLIEST = 315_532_800


def zipped(name, data, epoch):
    """Returns a zip with one executable file, such as a function's `bootstrap`; `epoch` in seconds since 1970, UTC."""
    body = bytes(deflate.deflate_compress(data, LEVEL))
    moment = time.gmtime(max(epoch, EARLIEST))
    day = (moment.tm_year - 1980) << 9 | moment.tm_mon << 5 | moment.tm_mday
    second = moment.tm_hour << 11 | moment.tm_min << 5 | moment.tm_sec // 2
    name = name.encode()
    # Version 2.0 of the format, no flags, deflate; the same in both headers (APPNOTE.TXT, 4.3.7 and 4.3.12).
    common = struct.pack("<HHHHHLLLHH", 20, 0, 8, second, day, zlib.crc32(data), len(body), len(data), len(name), 0)
    local = b"PK\3\4" + common + name + body
    # Made on Unix (3); a regular file with its mode.
    attributes = (0o100000 | EXECUTABLE) << 16
    central = b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + common + struct.pack("<HHHLL", 0, 0, 0, attributes, 0) + name
    return local + central + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)


def tarred(files, executable, epoch):
    """Returns a tar.gz of files (name -> content), of which one is executable; `epoch` as in `zipped`."""
    return compressed(plain(files, executable, epoch))


def compressed(data):
    """Returns a gzip, whose header contains no file name and no time."""
    return bytes(deflate.gzip_compress(data, LEVEL))


def plain(files, executable, epoch):
    """Returns the same as `tarred`, without compression."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), epoch
            entry.mode = EXECUTABLE if name == executable else READABLE
            tar.addfile(entry, io.BytesIO(data))
    return whole.getvalue()
