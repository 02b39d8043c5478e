"""What is released: each program, what it is built with, for which machines, and how it is packed.

Run as a program, it prints a line for each binary: its name, its features, the machine, and the Rust target.
"""
from dataclasses import dataclass

# The glibc of Amazon Linux 2023, which the Lambda runtime `provided.al2023` is made of.
LAMBDA_GLIBC = (2, 34)
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True, eq=False)
class Artefact:
    """A program that is released."""

    binary: str
    features: str
    # The newest glibc that it may ask for; None is for a static binary, which asks for none.
    glibc: tuple | None
    # The name of the machine in file names, and its Rust target with the glibc that zig links against.
    targets: dict
    # How many bytes an archive may have.
    largest: int

    @property
    def is_function(self):
        """Lambda takes a zip with a `bootstrap` and nothing else."""
        return self.glibc is not None

    def cpu(self, machine):
        """The first part of the Rust target."""
        return self.targets[machine].partition("-")[0]

    def archive(self, version, machine):
        if self.is_function:
            return f"{self.binary}-{machine}.zip"
        return f"{self.binary}_{version}_linux_{machine}.tar.gz"

    def checksum(self, version, machine):
        """The file with the checksum of the binary itself, which `plugin register` wants. Functions have none."""
        return None if self.is_function else f"{self.binary}_{version}_linux_{machine}.sha256"

    def inventory(self):
        """The software bill of materials."""
        return f"{self.binary}.cdx.json"

    def notices(self):
        """The licences of the crates in it, where its archive has no place for them."""
        return f"{self.binary}.licenses.txt" if self.is_function else None

    def files(self, version):
        """The names of all files that are made of it."""
        made = [(self.archive(version, machine), self.checksum(version, machine)) for machine in self.targets]
        names = [self.inventory(), self.notices(), *(name for names in made for name in names)]
        return {name for name in names if name}


# Static binaries also run where there is no glibc: the images of Vault and OpenBao are Alpine Linux, as are those of many
# CI jobs. Their machines are named as the world of Vault names them, the function's as Lambda's own architectures are.
STATIC_TARGETS = {"amd64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}
LAMBDA_TARGETS = {"x86_64": "x86_64-unknown-linux-gnu.2.34", "arm64": "aarch64-unknown-linux-gnu.2.34"}

FUNCTION = Artefact("genesys-rotator-lambda", "lambda", LAMBDA_GLIBC, LAMBDA_TARGETS, largest=3_000_000)
ENGINE = Artefact("vault-plugin-secrets-genesys", "vault", None, STATIC_TARGETS, largest=4_000_000)
COMMAND_LINE = Artefact("genesys-rotator", "cli", None, STATIC_TARGETS, largest=6_000_000)
ARTEFACTS = (FUNCTION, ENGINE, COMMAND_LINE)


def named(name):
    """The artefact of a binary's name."""
    return next(artefact for artefact in ARTEFACTS if artefact.binary == name)


def machine_of(artefact, cpu):
    """What an artefact calls a machine that `uname -m` names, or None if it is not built for that one."""
    return next((machine for machine in artefact.targets if artefact.cpu(machine) == cpu), None)


if __name__ == "__main__":
    for each in ARTEFACTS:
        for machine, target in each.targets.items():
            print(each.binary, each.features, machine, target)
