#!/usr/bin/env python3
"""Checks a release directory: its files, their content, and that the programs run.

usage: verify.py DIRECTORY

Prints each error and exits with 1. FORBIDDEN_PATHS, separated by colons, are directories that must not appear in a
binary.
"""
import hashlib
import io
import json
import platform
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import audit
import image
import manifests
import system_packages
from artefacts import ARTEFACTS, CHECKSUMS, COMMAND_LINE, ENGINE, FORMULA, FUNCTION, SIGNATURE, machine_of, manifests_of, released
from binary import faults, forbidden_paths
from formula import formula
from rehearse import rehearse, run_image

# The files in every tar.gz besides its binary.
BESIDE = {"LICENSE", "README.md", "THIRD-PARTY-LICENSES.txt"}
# A complete bill of materials lists at least this many crates.
FEWEST_PARTS = 100


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    directory = Path(arguments[0])
    version = version_of(directory)
    found = [*wrong_files(directory, version), *wrong_checksums(directory)]
    if not found:
        for artefact in ARTEFACTS:
            found += [*wrong_archives(directory, version, artefact), *wrong_inventory(directory, version, artefact)]
            found += wrong_image(directory, version, artefact)
        found += [*wrong_manifests(directory, version), *wrong_formula(directory, version)]
    found = found or list(fails_to_run(directory, version))
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    if found:
        sys.exit("hint: make package rebuilds the release")


def version_of(directory):
    """Returns the version from the file names."""
    names = [path.name.split("_") for path in directory.glob(f"{COMMAND_LINE.binary}_*.tar.gz")]
    if not names:
        sys.exit(f"error: {directory} contains no release\nhint: make package writes dist/")
    return names[0][1]


def wrong_files(directory, version):
    expected = released(version)
    there = {path.name for path in directory.iterdir()} - {SIGNATURE}
    yield from (f"{name} is missing" for name in sorted(expected - there))
    yield from (f"{name} does not belong to version {version}" for name in sorted(there - expected))


def wrong_checksums(directory):
    file = directory / CHECKSUMS
    if not file.is_file():
        return
    sums = dict(reversed(line.split("  ", 1)) for line in file.read_text().splitlines())
    there = {path.name for path in directory.iterdir()} - {CHECKSUMS, SIGNATURE}
    yield from (f"{CHECKSUMS} does not list {name}" for name in sorted(there - set(sums)))
    for name in sorted(there & set(sums)):
        if sha256((directory / name).read_bytes()) != sums[name]:
            yield f"{name} does not match {CHECKSUMS}"


def wrong_archives(directory, version, artefact):
    for machine in artefact.targets:
        name = artefact.archive(version, machine)
        data = (directory / name).read_bytes()
        if len(data) > artefact.largest:
            yield f"{name} has {len(data)} bytes; the maximum is {artefact.largest}"
        wrong = list(wrong_zip(data) if artefact.is_function else wrong_tar(data, artefact))
        if not wrong:
            binary = unpacked(directory, version, artefact, machine)
            wrong += [*faults(binary, artefact.cpu(machine), artefact.glibc, forbidden_paths()), *audit.faults(binary, version)]
            checksum = artefact.checksum(version, machine)
            if checksum and (directory / checksum).read_text() != f"{sha256(binary)}  {artefact.binary}\n":
                wrong.append(f"{checksum} does not match its binary")
            yield from wrong_packages(directory, version, artefact, machine, binary)
        yield from (f"{name}: {fault}" for fault in wrong)


def wrong_packages(directory, version, artefact, machine, binary):
    for kind, name in (("deb", artefact.deb(version, machine)), ("rpm", artefact.rpm(version, machine))):
        if name:
            found = system_packages.faults(kind, (directory / name).read_bytes(), artefact, version, machine, binary)
            yield from (f"{name}: {fault}" for fault in found)


def wrong_image(directory, version, artefact):
    name = artefact.image(version)
    if name:
        binaries = {machine: unpacked(directory, version, artefact, machine) for machine in artefact.targets}
        found = image.faults((directory / name).read_bytes(), artefact, version, binaries)
        yield from (f"{name}: {fault}" for fault in found)


def wrong_manifests(directory, version):
    name = manifests_of(version)
    found = manifests.faults((directory / name).read_bytes(), (directory / COMMAND_LINE.image(version)).read_bytes())
    yield from (f"{name}: {fault}" for fault in found)


def wrong_formula(directory, version):
    text = (directory / FORMULA).read_text()
    repository = text.partition('homepage "https://github.com/')[2].partition('"')[0]
    if text != formula(version, repository, lambda name: sha256((directory / name).read_bytes())):
        yield f"{FORMULA} does not install the files of this release"


def wrong_zip(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    if archive.namelist() != ["bootstrap"]:
        yield f"it contains {archive.namelist()} in place of bootstrap"
    elif archive.infolist()[0].external_attr >> 16 != 0o100755:
        yield "bootstrap does not have mode 0755"


def wrong_tar(data, artefact):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        modes = {entry.name: entry.mode for entry in archive if entry.isfile() and not entry.uid}
        wrong = [name for name in archive.getnames() if name not in modes]
    yield from (f"{name} is not a file owned by root" for name in wrong)
    yield from (f"{name} is missing" for name in sorted({*BESIDE, artefact.binary} - set(modes)))
    for name, mode in modes.items():
        if mode != (0o755 if name == artefact.binary else 0o644):
            yield f"{name} has the mode {mode:o}"


def wrong_inventory(directory, version, artefact):
    name = artefact.inventory()
    text = (directory / name).read_text()
    whole = json.loads(text)
    program = whole["metadata"]["component"]
    if (whole["bomFormat"], program["name"], program["version"]) != ("CycloneDX", artefact.binary, version):
        yield f"{name} does not describe {artefact.binary} {version}"
    if "file:" in text or any(not part.get("purl", "").startswith("pkg:cargo/") for part in whole["components"]):
        yield f"{name} lists a component that is not a crate"
    binaries = [unpacked(directory, version, artefact, machine) for machine in artefact.targets]
    yield from (f"{name}: {fault}" for fault in audit.unlike(binaries, whole["components"]))
    if len(whole["components"]) < FEWEST_PARTS:
        yield f"{name} lists only {len(whole['components'])} components"


def fails_to_run(directory, version):
    """Runs the programs of this machine: the function rotates a secret, and the engine prints its version."""
    machines = {artefact: machine_of(artefact, platform.machine()) for artefact in ARTEFACTS}
    if platform.system() != "Linux" or None in machines.values():
        print(f"SKIPPED: no program was run, because the release has none for {platform.system()} on {platform.machine()}")
        return
    with tempfile.TemporaryDirectory() as home:
        programs = {}
        for artefact, machine in machines.items():
            program = programs[artefact] = Path(home) / artefact.binary
            program.write_bytes(unpacked(directory, version, artefact, machine))
            program.chmod(0o755)
        yield from rehearse(programs[FUNCTION], programs[COMMAND_LINE], programs[ENGINE], version)
    for artefact in (COMMAND_LINE, ENGINE):
        yield from run_image((directory / artefact.image(version)).read_bytes(), artefact, machines[artefact], version)
    for kind, artefact in (("deb", COMMAND_LINE), ("rpm", COMMAND_LINE), ("deb", ENGINE)):
        data = (directory / getattr(artefact, kind)(version, machines[artefact])).read_bytes()
        yield from system_packages.fails_to_install(kind, data, artefact, version)


def unpacked(directory, version, artefact, machine):
    """Returns the binary in an archive."""
    path = directory / artefact.archive(version, machine)
    if artefact.is_function:
        return zipfile.ZipFile(path).read("bootstrap")
    with tarfile.open(path) as archive:
        return archive.extractfile(artefact.binary).read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
