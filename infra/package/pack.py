#!/usr/bin/env python3
"""Checks and packs one binary, or writes the files of all binaries.

usage: pack.py BINARY NAME MACHINE VERSION DIRECTORY [FILES]   NAME is the artefact, FILES a directory to include
       pack.py --shared VERSION REPOSITORY DIRECTORY   the manifests and the formula; REPOSITORY is OWNER/NAME at GitHub
       pack.py --sums DIRECTORY
       pack.py --same BINARY BINARY   fails with the first difference between two builds

SOURCE_DATE_EPOCH, in seconds since 1970, is the timestamp of the archives. FORBIDDEN_PATHS, separated by colons, are
directories that must not appear in the binary.
"""
import hashlib
import os
import sys
from pathlib import Path

import audit
import manifests
from archive import tarred, zipped
from artefacts import CHECKSUMS, COMMAND_LINE, FORMULA, manifests_of, named
from binary import difference, faults, forbidden_paths
from formula import formula

ROOT = Path(__file__).resolve().parents[2]


def main(arguments):
    match arguments:
        case ["--sums", directory]:
            write_checksums(Path(directory))
        case ["--same", first, second]:
            compare(Path(first), Path(second))
        case ["--shared", version, repository, directory]:
            write_shared(version, repository, Path(directory))
        case [binary, name, machine, version, directory, *files] if len(files) < 2:
            pack(Path(binary), named(name), machine, version, Path(directory), beside(files))
        case _:
            sys.exit(__doc__)


def pack(binary, artefact, machine, version, directory, files):
    """Writes the archive, and for static programs the checksum of the binary."""
    data = binary.read_bytes()
    found = faults(data, artefact.cpu(machine), artefact.glibc, forbidden_paths())
    found = found or list(audit.faults(data, version, (ROOT / "Cargo.lock").read_text()))
    if found:
        sys.exit(f"error: {binary} cannot be released: {'; '.join(found)}\nhint: build it with infra/package/build.sh")
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    if artefact.is_function:
        archive = zipped("bootstrap", data, epoch)
    else:
        archive = tarred({artefact.binary: data, **files}, artefact.binary, epoch)
        (directory / artefact.checksum(version, machine)).write_text(checksum(data, artefact.binary))
    (directory / artefact.archive(version, machine)).write_bytes(archive)


def compare(first, second):
    found = difference(first.read_bytes(), second.read_bytes())
    if found:
        sys.exit(f"error: two builds of {first} are not the same: {found}\nhint: {second} is the other one; "
                 "something of the machine or of a directory is in one of them. make package TWICE= builds once")


def write_shared(version, repository, directory):
    """Writes the manifests, which name the digest of the command line's image, and the formula, which names checksums."""
    read = lambda name: (directory / name).read_bytes()
    epoch, licence = int(os.environ["SOURCE_DATE_EPOCH"]), (ROOT / "LICENSE").read_bytes()
    packed = manifests.packed(read(COMMAND_LINE.image(version)), licence, epoch)
    (directory / manifests_of(version)).write_bytes(packed)
    text = formula(version, repository, lambda name: hashlib.sha256(read(name)).hexdigest())
    (directory / FORMULA).write_text(text)


def beside(directories):
    """Returns the files below the directories by their relative path."""
    paths = [(path, root) for root in map(Path, directories) for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path, root in paths}


def write_checksums(directory):
    """Writes the checksums of all files of a directory in the format of `sha256sum -c`."""
    files = sorted(path for path in directory.iterdir() if path.name != CHECKSUMS)
    (directory / CHECKSUMS).write_text("".join(checksum(path.read_bytes(), path.name) for path in files))


def checksum(data, name):
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
