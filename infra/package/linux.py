#!/usr/bin/env python3
"""Writes the Debian and the RPM package of a static program.

usage: linux.py BINARY NAME MACHINE VERSION DIRECTORY FILES WORK
           NAME is the artefact, FILES has licences, manual pages and completions, WORK is emptied and used;
           requires cargo-deb and cargo-generate-rpm in PATH

The files of both packages and their scripts are listed here once. Cargo.toml would need four lists, in two forms, for two
tools and two programs. So this writes a Cargo.toml of its own for the tools, with the form of each.
SOURCE_DATE_EPOCH, in seconds since 1970, is the time of all files.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from artefacts import COMMAND_LINE, named

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "linux"
UNITS = ("genesys-rotator.service", "genesys-rotator.timer", "genesys-rotator-failed.service")
ENVIRONMENT = "etc/genesys-rotator/environment"
DESCRIPTIONS = {
    "genesys-rotator": "Rotates API tokens of Genesys Cloud and NICE CXone in secret stores",
    "vault-plugin-secrets-genesys": "Secrets engine of Vault and OpenBao for tokens of Genesys Cloud and NICE CXone",
}
MAINTAINER = "genesys-rotator contributors"
# Where the two formats differ: the licence and the functions of zsh.
LICENCE = {"deb": "usr/share/doc/{}/copyright", "rpm": "usr/share/licenses/{}/LICENSE"}
ZSH = {"deb": "usr/share/zsh/vendor-completions/_{}", "rpm": "usr/share/zsh/site-functions/_{}"}
# The command with which the postinst creates the user of the service.
USERADD = "/usr/sbin/useradd"


def main(arguments):
    if len(arguments) != 7:
        sys.exit(__doc__)
    binary, name, machine, version, directory, files, work = arguments
    artefact, directory, work = named(name), Path(directory).resolve(), Path(work).resolve()
    shutil.rmtree(work, ignore_errors=True)
    for kind in ("deb", "rpm"):
        stage(work / kind, artefact, version, kind, contents(artefact, kind, Path(binary), Path(files)))
    target = artefact.targets[machine]
    # The machine's cargo settings could name another target directory.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(work / "target")}
    # --no-strip: the binary is stripped, and the tools of this machine cannot read that of another one.
    deb = ["deb", "--no-build", "--no-strip", "--offline", "--target", target]
    deb += ["--output", directory / artefact.deb(version, machine)]
    # gzip, because each rpm can read it.
    rpm = ["generate-rpm", "--target", target, "--auto-req", "disabled", "--payload-compress", "gzip"]
    rpm += ["--output", directory / artefact.rpm(version, machine)]
    for kind, command in (("deb", deb), ("rpm", rpm)):
        subprocess.run(["cargo", *command], cwd=work / kind, env=environment, check=True, stdout=sys.stderr)


def layout(artefact, kind):
    """Returns the files of a package besides its program and its manual pages: path -> source and mode. A relative source is
    written by the build, the others are in the repository."""
    name = artefact.binary
    document = f"usr/share/doc/{name}/"
    found = {
        LICENCE[kind].format(name): (Path("LICENSE"), 0o644),
        document + "README.md": (Path("README.md"), 0o644),
        document + "THIRD-PARTY-LICENSES.txt": (Path("THIRD-PARTY-LICENSES.txt"), 0o644),
    }
    if artefact is COMMAND_LINE:
        units = ROOT / "infra/systemd"
        found |= {
            f"usr/share/bash-completion/completions/{name}": (Path(f"completions/{name}.bash"), 0o644),
            f"usr/share/fish/vendor_completions.d/{name}.fish": (Path(f"completions/{name}.fish"), 0o644),
            ZSH[kind].format(name): (Path(f"completions/_{name}"), 0o644),
            **{f"usr/lib/systemd/system/{unit}": (units / unit, 0o644) for unit in UNITS},
            # It may hold what others should not read, such as the names of secrets.
            ENVIRONMENT: (units / "environment", 0o600),
        }
    return found


def contents(artefact, kind, binary, files):
    """Returns all files of a package: path -> content and mode. `files` is the directory of relative sources."""
    found = {path: (read(files / source), mode) for path, (source, mode) in layout(artefact, kind).items()}
    found[artefact.in_package] = (binary.read_bytes(), 0o755)
    for page in files.glob("man/man1/*"):
        found[f"usr/share/man/man1/{page.name}"] = (page.read_bytes(), 0o644)
    return found


def read(source):
    """Returns a file. A systemd unit gets the program of the package."""
    content = source.read_bytes()
    return content.replace(b"/usr/local/bin/", b"/usr/bin/") if source.name in UNITS else content


def scripts(artefact):
    """Returns the scripts of a package: name in dpkg -> text. The engine has none: the operator registers it."""
    return {name: (SCRIPTS / name).read_text() for name in ("postinst", "prerm", "postrm") if artefact is COMMAND_LINE}


def stage(directory, artefact, version, kind, files):
    """Writes a directory from which a tool writes a package."""
    for path, (content, _) in files.items():
        file = directory / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (directory / "scripts").mkdir()
    for name, text in scripts(artefact).items():
        (directory / "scripts" / name).write_text(text)
    modes = {path: f"{mode:o}" for path, (_, mode) in sorted(files.items())}
    text = package(artefact, version) + (deb_table if kind == "deb" else rpm_table)(artefact, modes)
    (directory / "Cargo.toml").write_text(text)


def package(artefact, version):
    """Returns the start of a manifest, whose program is built already."""
    settings = {
        "name": artefact.binary, "version": version, "edition": "2024", "license": "Apache-2.0",
        "description": DESCRIPTIONS[artefact.binary],
    }
    program = {"name": artefact.binary, "path": "never-built.rs"}
    return f"[workspace]\n[package]\n{lines(settings)}[[bin]]\n{lines(program)}"


def deb_table(artefact, modes):
    settings = {
        "name": artefact.binary, "revision": "", "maintainer": MAINTAINER, "section": "admin", "priority": "optional",
        "extended-description": "The documentation is that of the project genesys-rotator, in the same version.",
        "depends": "passwd" if scripts(artefact) else "",
        "assets": [[f"root/{path}", path, mode] for path, mode in modes.items()],
    }
    if scripts(artefact):
        settings["maintainer-scripts"] = "scripts"
    return "[package.metadata.deb]\n" + lines(settings)


def rpm_table(artefact, modes):
    assets = []
    for path, mode in modes.items():
        config = ', config = "noreplace"' if path.startswith("etc/") else ""
        document = ", doc = true" if path.startswith("usr/share/doc/") else ""
        assets.append(f'{{ source = "root/{path}", dest = "/{path}", mode = "{mode}"{config}{document} }}')
    settings = {"name": artefact.binary, "release": "1", "summary": DESCRIPTIONS[artefact.binary]}
    settings["require-sh"] = bool(scripts(artefact))
    hooks = {"postinst": "post_install_script", "prerm": "pre_uninstall_script", "postrm": "post_uninstall_script"}
    settings |= {hooks[name]: text for name, text in scripts(artefact).items()}
    table = "[package.metadata.generate-rpm]\n" + lines(settings) + "assets = [\n  " + ",\n  ".join(assets) + ",\n]\n"
    requires = f'[package.metadata.generate-rpm.requires]\n"{USERADD}" = "*"\n' if scripts(artefact) else ""
    return table + requires


def lines(settings):
    """Returns TOML. Its strings, lists and booleans are written as in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


if __name__ == "__main__":
    main(sys.argv[1:])
