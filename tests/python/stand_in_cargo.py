#!/usr/bin/env python3
"""Stands in for `cargo deb` with dpkg-deb, and for `cargo generate-rpm` with a copy of its settings.

Both tools take minutes to build. `make package` uses them, and checks what they write.
"""
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path


def main(tool, *arguments):
    manifest = Path("Cargo.toml").read_text()
    package = tomllib.loads(manifest)["package"]
    output = Path(arguments[arguments.index("--output") + 1])
    if tool == "generate-rpm":
        assets = package["metadata"]["generate-rpm"]["assets"]
        missing = [asset["source"] for asset in assets if not Path(asset["source"]).is_file()]
        output.write_text(manifest)
        sys.exit(f"{missing} are missing" if missing else 0)
    settings = package["metadata"]["deb"]
    target = arguments[arguments.index("--target") + 1]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        for source, path, mode in settings["assets"]:
            copy(Path(source).read_bytes(), root / path, int(mode, 8))
        for script in Path("scripts").iterdir():
            copy(script.read_bytes(), root / "DEBIAN" / script.name, 0o755)
        configuration = [f"/{path}\n" for _, path, _ in settings["assets"] if path.startswith("etc/")]
        copy("".join(configuration).encode(), root / "DEBIAN/conffiles", 0o644)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[target.partition("-")[0]]
        fields = {"Package": settings["name"], "Version": package["version"], "Architecture": machine}
        fields |= {"Maintainer": settings["maintainer"], "Description": package["description"]}
        copy("".join(f"{name}: {value}\n" for name, value in fields.items()).encode(), root / "DEBIAN/control", 0o644)
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z0", "--build", root, output]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def copy(content, path, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
