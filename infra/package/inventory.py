#!/usr/bin/env python3
"""Writes a software bill of materials in CycloneDX format, with all crates that a program contains or that build it.

usage: inventory.py NAME FILE    NAME is the artefact; requires cargo-cyclonedx in PATH

SOURCE_DATE_EPOCH, in seconds since 1970, is the timestamp. The result contains no local directory.
"""
import json
import subprocess
import sys
from pathlib import Path

from artefacts import named

SPECIFICATION = "1.5"
ROOT = Path(__file__).resolve().parents[2]


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    artefact = named(arguments[0])
    whole = merged([described(artefact, target.split(".")[0]) for target in artefact.targets.values()])
    package = whole["metadata"]["component"]
    whole["metadata"]["component"] = program(artefact, package)
    # The references of local packages are paths of this machine.
    references = {package["bom-ref"]: url(artefact, package), **local_crates(whole)}
    text = json.dumps(whole, indent=2, ensure_ascii=False)
    for reference, name in references.items():
        text = text.replace(reference, name)
    Path(arguments[1]).write_text(text + "\n")


def described(artefact, target):
    """Returns the output of cargo-cyclonedx for one target, which it writes to a file next to Cargo.toml."""
    name = f".{artefact.binary}-{target}.cdx"
    command = ["cargo", "cyclonedx", "-q", "--format", "json", "--spec-version", SPECIFICATION, "--target", target]
    command += ["--no-default-features", "--features", artefact.features, "--override-filename", name]
    subprocess.run(command, cwd=ROOT, check=True)
    # One file for each package of the workspace.
    files = [directory / f"{name}.json" for directory in (ROOT, *(ROOT / "crates").iterdir())]
    try:
        return json.loads(files[0].read_text())
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def merged(parts):
    """Merges the targets. Crates that only one target needs are listed for all."""
    whole = parts[0]
    for key, identity in (("components", "bom-ref"), ("dependencies", "ref")):
        entries = {}
        for entry in (entry for part in parts for entry in part[key]):
            known = entries.setdefault(entry[identity], entry)
            needs = {*known.get("dependsOn", ()), *entry.get("dependsOn", ())}
            if needs:
                known["dependsOn"] = sorted(needs)
        whole[key] = [entries[name] for name in sorted(entries)]
    # This property names a single target.
    whole["metadata"].pop("properties", None)
    return whole


def program(artefact, package):
    """Returns the component of the package, as the component of one program."""
    kept = {key: value for key, value in package.items() if key != "components"}
    return {**kept, "type": "application", "name": artefact.binary, "purl": url(artefact, package)}


def local_crates(whole):
    """Gives the crates of the workspace a package URL without a path, and returns their references with it."""
    local = [part for part in whole["components"] if part["bom-ref"].startswith("path+file:")]
    for part in local:
        part["purl"] = f"pkg:cargo/{part['name']}@{part['version']}"
    return {part["bom-ref"]: part["purl"] for part in local}


def url(artefact, package):
    """Returns the package URL; the package is in no registry."""
    return f"pkg:generic/{artefact.binary}@{package['version']}"


if __name__ == "__main__":
    main(sys.argv[1:])
