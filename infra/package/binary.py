"""Checks of an ELF binary: its machine, its libraries, and build paths in its content."""
import io
import os
import re

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

# The libraries of glibc. Any other library would have to be installed.
GLIBC_LIBRARIES = re.compile(r"(libc|libm|libdl|libpthread|librt)\.so\.\d+|ld-linux-[a-z0-9_-]+\.so\.\d+")
# Directories of cargo and rustup.
BUILD_PATHS = re.compile(rb"[\x21-\x7e]*(?:/\.cargo/|/\.rustup/|/registry/src/)[\x21-\x7e]*")


def faults(data, cpu, glibc, directories=()):
    """Returns the reasons why a binary cannot be released, one sentence each.

    `cpu` is the first part of a Rust target, `glibc` the newest version allowed, or None for a static binary, and
    `directories` must not appear in the binary.
    """
    try:
        elf = ELFFile(io.BytesIO(data))
    except ELFError as error:
        return [f"it is not an ELF binary: {error}"]
    found = [*wrong_machine(elf, cpu), *wrong_libraries(elf, glibc), *build_paths(data, directories)]
    if elf.get_section_by_name(".symtab") or elf.get_section_by_name(".debug_info"):
        found.append("it is not stripped")
    return found


def forbidden_paths():
    """Returns the directories in the variable FORBIDDEN_PATHS, separated by colons."""
    return [path for path in os.environ.get("FORBIDDEN_PATHS", "").split(":") if path]


def wrong_machine(elf, cpu):
    wanted = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}[cpu]
    if elf["e_machine"] != wanted or elf.elfclass != 64:
        yield f"it is built for {elf['e_machine']}, not for {wanted}"


def wrong_libraries(elf, glibc):
    libraries = needed_libraries(elf)
    if glibc is None:
        if libraries or any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments()):
            yield f"it is not static: it needs {', '.join(libraries) or 'a dynamic loader'}"
        return
    for library in libraries:
        if not GLIBC_LIBRARIES.fullmatch(library):
            yield f"it needs {library}, which the Lambda runtime may not have"
    newest = newest_glibc(elf)
    if newest is None:
        yield "it names no glibc version"
    elif newest > glibc:
        yield "it needs glibc %s; the maximum is %s" % (dotted(newest), dotted(glibc))


def needed_libraries(elf):
    sections = (section for section in elf.iter_sections() if isinstance(section, DynamicSection))
    return [tag.needed for section in sections for tag in section.iter_tags("DT_NEEDED")]


def newest_glibc(elf):
    """Returns the newest glibc version of any symbol, or None."""
    versions = []
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            names = [version.name for _, needed in section.iter_versions() for version in needed]
            matches = (re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", name) for name in names)
            versions += [tuple(map(int, match[1].split("."))) for match in matches if match]
    return max(versions, default=None)


def build_paths(data, directories):
    places = [re.escape(str(directory).encode()) for directory in directories]
    patterns = [BUILD_PATHS, *(re.compile(place + rb"/[\x21-\x7e]*") for place in places)]
    match = next((match for pattern in patterns if (match := pattern.search(data))), None)
    if match:
        yield f"it contains a build path: {match[0].decode()[:200]}"


def difference(one, other):
    """Returns where two binaries differ first: a section, and the texts there. None if they are equal."""
    if one == other:
        return None
    try:
        sections = [(section.name, section.data()) for section in ELFFile(io.BytesIO(one)).iter_sections() if section.name]
        others = {section.name: section.data() for section in ELFFile(io.BytesIO(other)).iter_sections()}
    except ELFError:
        sections, others = [], {}
    # The header has the offsets of the sections, so it says nothing.
    pairs = [(name, content, others.get(name, b"")) for name, content in sections]
    name, first, second = next((pair for pair in pairs if pair[1] != pair[2]), ("the file", one, other))
    place = next((at for at, pair in enumerate(zip(first, second)) if pair[0] != pair[1]), min(len(first), len(second)))
    texts = [re.sub(rb"[^\x20-\x7e]", b".", content[max(place - 16, 0):place + 64]).decode() for content in (first, second)]
    return f"{name} differs from byte {place}: {texts[0]!r} and {texts[1]!r}"


def dotted(version):
    return ".".join(map(str, version))
