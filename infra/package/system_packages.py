"""Checks of Debian and RPM packages: their content, and on this machine their installation, upgrade and removal.

The installation changes only an overlay of the root file system, in a namespace of its own. That needs root on Linux.
"""
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import readers
from artefacts import COMMAND_LINE
from linux import ENVIRONMENT, LICENCE, layout, scripts

TRY = Path(__file__).resolve().parent / "linux/try.sh"
# Mounts $1/root as a copy of the root file system, with the files of $2, and runs the rest of the arguments in it.
OVERLAY = """
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mkdir "$1/root/package"
cp -r "$2/." "$1/root/package"
root=$1/root
shift 2
exec chroot "$root" "$@"
"""
PATIENCE = 120


def faults(kind, data, artefact, version, machine, binary):
    """Returns the reasons why a package is wrong, one sentence each; `kind` is deb or rpm."""
    package = getattr(readers, kind)(data)
    expected = machine if kind == "deb" else artefact.cpu(machine)
    if (package.name, package.version, package.machine) != (artefact.binary, version, expected):
        yield f"it describes {package.name} {package.version} for {package.machine}"
    if package.files.get(artefact.in_package, (None,))[0] != binary:
        yield "its binary is another one"
    modes = {path: mode for path, (_, mode) in layout(artefact, kind).items()}
    for path, mode in {artefact.in_package: 0o755, **modes}.items():
        found = next((package.files[name] for name in (path, f"{path}.gz") if name in package.files), None)
        if found is None:
            yield f"{path} is missing"
        elif found[1] != mode:
            yield f"{path} has the mode {found[1]:o} in place of {mode:o}"
    licence = LICENCE[kind].format(artefact.binary)
    if artefact is COMMAND_LINE and not any(path.startswith("usr/share/man/man1/") for path in package.files):
        yield "it has no manual pages"
    if package.configuration != ({ENVIRONMENT} if artefact is COMMAND_LINE else set()):
        yield f"an upgrade keeps {', '.join(sorted(package.configuration)) or 'no file'}"
    if stripped(package.scripts) != stripped(scripts(artefact)):
        yield f"its scripts are others than those of {TRY.parent}"
    if b"Apache License" not in package.files.get(licence, (b"",))[0]:
        yield f"{licence} is not the licence"


def stripped(texts):
    return {name: text.strip() for name, text in texts.items()}


def fails_to_install(kind, data, artefact, version):
    """Installs, tries, upgrades and removes a package for this machine. Of the engine, whose package has no scripts, only the
    Debian package is installed."""
    name = f"the .{kind} of {artefact.binary}"
    if kind == "deb" and shutil.which("dpkg") is None:
        print(f"SKIPPED: {name} was not installed, because that needs dpkg")
        return
    with tempfile.TemporaryDirectory() as directory:
        place, mount = Path(directory, "package"), Path(directory, "mount")
        place.mkdir()
        mount.mkdir()
        (place / "package.deb").write_bytes(data)
        (place / "try.sh").write_bytes(TRY.read_bytes())
        unpack(readers.rpm(data) if kind == "rpm" else None, place)
        if in_overlay(mount, place, "true").returncode:
            print(f"SKIPPED: {name} was not installed, because that needs root and overlays")
            return
        ended = in_overlay(mount, place, "sh", "/package/try.sh", kind, "/package", version, artefact.in_package)
    if ended.returncode:
        yield f"{name} fails to install, run, upgrade or be removed: {ended.stderr.strip() or ended.stdout.strip()}"


def in_overlay(mount, place, *command):
    """Runs a command in a copy of the root file system, with the files of `place` in /package."""
    whole = ["unshare", "--mount", "sh", "-ec", OVERLAY, "sh", str(mount), str(place), *command]
    return subprocess.run(whole, capture_output=True, text=True, timeout=PATIENCE)


def unpack(package, place):
    """Writes the files of an RPM package as a tar, and its scripts."""
    if package is None:
        return
    with tarfile.open(place / "files.tar", "w") as tar:
        for path, (content, mode) in package.files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    for name, text in package.scripts.items():
        (place / name).write_text(text)
