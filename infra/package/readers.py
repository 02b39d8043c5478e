"""Readers of Debian and RPM packages, for their checks. No tool of a distribution is needed."""
import gzip
import io
import lzma
import stat
import struct
import tarfile
from dataclasses import dataclass, field


@dataclass
class Package:
    """The content of a package."""

    name: str
    version: str
    machine: str
    # Path -> content and mode.
    files: dict = field(default_factory=dict)
    # The paths that an upgrade does not replace.
    configuration: set = field(default_factory=set)
    # Name in dpkg -> text.
    scripts: dict = field(default_factory=dict)


def deb(data):
    """Reads a Debian package: an ar archive with two tars (deb(5))."""
    members, position = {}, 8
    while position < len(data):
        header = data[position:position + 60]
        name, size = header[:16].decode().rstrip().rstrip("/"), int(header[48:58])
        members[name] = data[position + 60:position + 60 + size]
        position += 60 + size + size % 2
    control = {path: content.decode() for path, (content, _) in unpacked(members["control.tar.xz"]).items()}
    fields = dict(line.split(": ", 1) for line in control.pop("control").splitlines() if ": " in line)
    configuration = {line.removeprefix("/") for line in control.pop("conffiles", "").splitlines()}
    scripts = {name: text for name, text in control.items() if name != "md5sums"}
    files = unpacked(members["data.tar.xz"])
    return Package(fields["Package"], fields["Version"], fields["Architecture"], files, configuration, scripts)


def unpacked(tar):
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(tar))) as archive:
        entries = [entry for entry in archive if entry.isfile()]
        return {entry.name.removeprefix("./"): (archive.extractfile(entry).read(), entry.mode) for entry in entries}


# The tags of an RPM header (https://rpm-software-management.github.io/rpm/manual/tags.html), and a flag of files.
NAME, VERSION, ARCH, FILE_FLAGS, FOLDERS_OF, BASENAMES, FOLDERS = 1000, 1001, 1022, 1037, 1116, 1117, 1118
SCRIPTS = {1024: "postinst", 1025: "prerm", 1026: "postrm"}
NO_REPLACE = 1 << 4
LEAD = 96


def rpm(data):
    """Reads an RPM package with a gzip payload: a lead, two headers and a cpio archive."""
    _, end = header(data, LEAD)
    # The first header, with checksums, ends at a multiple of eight.
    tags, end = header(data, end + -end % 8)
    paths = [tags[FOLDERS][folder] + name for folder, name in zip(tags[FOLDERS_OF], tags[BASENAMES])]
    flags = dict(zip(paths, tags[FILE_FLAGS]))
    files = {path.removeprefix("./"): it for path, it in cpio(gzip.decompress(data[end:]))}
    configuration = {path.removeprefix("/") for path, flag in flags.items() if flag & NO_REPLACE}
    scripts = {name: tags[tag][0] for tag, name in SCRIPTS.items() if tag in tags}
    return Package(tags[NAME][0], tags[VERSION][0], tags[ARCH][0], files, configuration, scripts)


def header(data, start):
    """Reads the header at an offset: its tags, as lists of numbers or texts, and its end."""
    magic, count, size = struct.unpack_from(">4s4xII", data, start)
    assert magic == b"\x8e\xad\xe8\x01", "it is not an RPM header"
    store = start + 16 + 16 * count
    tags = {}
    for entry in range(count):
        tag, kind, offset, number = struct.unpack_from(">IIII", data, start + 16 + 16 * entry)
        if kind in (3, 4):
            tags[tag] = struct.unpack_from(f">{number}{'H' if kind == 3 else 'I'}", data, store + offset)
        elif kind in (6, 8, 9):
            tags[tag] = [text.decode() for text in data[store + offset:store + size].split(b"\0", number)[:number]]
    return tags, store + size


def cpio(data):
    """Yields the files of a cpio archive in the form `newc`: path, content and mode."""
    position = 0
    while True:
        numbers = [int(data[position + 6 + 8 * number:position + 14 + 8 * number], 16) for number in range(13)]
        mode, size, length = numbers[1], numbers[6], numbers[11]
        name = data[position + 110:position + 110 + length - 1].decode()
        if name == "TRAILER!!!":
            return
        position += 110 + length
        position += -position % 4
        if stat.S_ISREG(mode):
            yield name, (data[position:position + size], stat.S_IMODE(mode))
        position += size + -size % 4
