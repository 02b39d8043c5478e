#!/usr/bin/env python3
"""Writes down the licences of all crates that are compiled into a program, as those licences ask for.

usage: notices.py NAME FILE    NAME is the artefact's
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
    """The packages that are linked for one machine, by their ids. What only tests or builds is left out."""
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
    """Each text once, below the crates that have it; and last the crates that bring no text along."""
    crates, bare = {}, []
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        title = f"{package['name']} {package['version']} ({package['license']})"
        texts = notices(Path(package["manifest_path"]).parent)
        bare += [] if texts else [title]
        for text in texts:
            crates.setdefault(text, []).append(title)
    parts = [f"{name} is made of these crates, and of Rust's standard library (MIT OR Apache-2.0). Static ones hold musl (MIT).\n"]
    parts += ["\n".join(titles) + "\n\n" + text for text, titles in crates.items()]
    parts += ["These name their licence in Cargo.toml alone:\n\n" + "\n".join(bare) + "\n"] if bare else []
    return RULE.join(parts)


def notices(directory):
    files = sorted(path for path in directory.iterdir() if path.is_file() and NOTICE.match(path.name))
    return [path.read_text(errors="replace").replace("\r\n", "\n").strip() + "\n" for path in files]


if __name__ == "__main__":
    main(sys.argv[1:])
