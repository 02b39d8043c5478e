#!/usr/bin/env python3
"""Writes the licences of all crates that a program contains, as those licences require.

usage: notices.py NAME FILE    NAME is the artefact
"""
import json
import re
import subprocess
import sys
from pathlib import Path

from artefacts import named

ROOT = Path(__file__).resolve().parents[2]
NOTICE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
RULE = "=" * 100 + "\n"


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    packages = {}
    for target in named(arguments[0]).targets.values():
        packages |= linked(named(arguments[0]), target.split(".")[0])
    Path(arguments[1]).write_text(document(arguments[0], packages.values()))


def linked(artefact, target):
    """Returns the linked packages of one target by id, without dependencies of tests and builds."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    command += ["--no-default-features", "--features", artefact.features]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    reached, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            needs = nodes[node]["deps"]
            waiting += [need["pkg"] for need in needs if any(kind["kind"] is None for kind in need["dep_kinds"])]
    return {package["id"]: package for package in metadata["packages"] if package["id"] in reached - {root}}


def document(name, packages):
    """Returns each licence text once, with its crates, and then the crates without a text."""
    crates, bare = {}, []
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        title = f"{package['name']} {package['version']} ({package['license']})"
        texts = notices(Path(package["manifest_path"]).parent)
        bare += [] if texts else [title]
        for text in texts:
            crates.setdefault(text, []).append(title)
    parts = [f"{name} contains these crates and Rust's standard library (MIT OR Apache-2.0). Static programs contain musl (MIT).\n"]
    parts += ["\n".join(titles) + "\n\n" + text for text, titles in crates.items()]
    parts += ["These crates name their licence only in Cargo.toml:\n\n" + "\n".join(bare) + "\n"] if bare else []
    return RULE.join(parts)


def notices(directory):
    files = sorted(path for path in directory.iterdir() if path.is_file() and NOTICE.match(path.name))
    return [path.read_text(errors="replace").replace("\r\n", "\n").strip() + "\n" for path in files]


if __name__ == "__main__":
    main(sys.argv[1:])
