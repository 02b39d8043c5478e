"""The list of crates in a binary, which cargo-auditable writes: zlib-compressed JSON in the section .dep-v0."""
import io
import json
import tomllib
import zlib

from elftools.elf.elffile import ELFFile

PACKAGE = "genesys-rotator"


def crates(data):
    """Returns the root crates and all others of a binary, as sets of name and version; None without a list."""
    section = ELFFile(io.BytesIO(data)).get_section_by_name(".dep-v0")
    if section is None:
        return None
    packages = json.loads(zlib.decompress(section.data()))["packages"]
    sets = {True: set(), False: set()}
    for package in packages:
        sets[package.get("root", False)].add((package["name"], package["version"]))
    return sets[True], sets[False]


def faults(data, version, lock=None):
    """Returns the reasons why the list of a binary is wrong; `lock` is the text of Cargo.lock."""
    found = crates(data)
    if found is None:
        yield "it has no list of crates, which cargo-auditable adds"
        return
    roots, others = found
    if roots != {(PACKAGE, version)}:
        yield f"its list of crates is that of {named(roots)}, not of {PACKAGE} {version}"
    if lock is not None:
        locked = {(package["name"], package["version"]) for package in tomllib.loads(lock)["package"]}
        if others - locked:
            yield f"its list has crates that are not in Cargo.lock: {named(others - locked)}"


def unlike(binaries, components):
    """Compares the lists of all binaries of a program with its bill of materials, by its components."""
    listed = {(part["name"], part["version"]) for part in components}
    built = set().union(*(crates(binary)[1] for binary in binaries))
    if built - listed:
        yield f"the binaries contain crates that it does not list: {named(built - listed)}"
    if listed - built:
        yield f"it lists crates that no binary contains: {named(listed - built)}"


def named(crates):
    return ", ".join(f"{name} {version}" for name, version in sorted(crates)) or "none"
