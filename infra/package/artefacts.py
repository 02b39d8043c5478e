"""The release artefacts: each program, its features, its machines, and its archive format.

As a program, it prints one line per binary: name, features, machine, Rust target.
"""
from dataclasses import dataclass

# The glibc of Amazon Linux 2023, the base of the Lambda runtime `provided.al2023`.
LAMBDA_GLIBC = (2, 34)
CHECKSUMS = "SHA256SUMS"
# The release workflow adds this file after all others.
SIGNATURE = "SHA256SUMS.sigstore.json"
FORMULA = "genesys-rotator.rb"


@dataclass(frozen=True, eq=False)
class Artefact:
    """A released program."""

    binary: str
    features: str
    # The newest glibc that the binary may need; None for a static binary.
    glibc: tuple | None
    # Machine name in file names -> Rust target, with the glibc version that zig links against.
    targets: dict
    # The maximum size of an archive of one binary in bytes.
    largest: int
    # The place of the binary in an image, and in a Debian or RPM package. A function has neither.
    in_image: str = ""
    in_package: str = ""

    @property
    def is_function(self):
        """Whether this is the Lambda function, whose zip contains only `bootstrap`."""
        return self.glibc is not None

    def cpu(self, machine):
        """Returns the architecture, the first part of the Rust target."""
        return self.targets[machine].partition("-")[0]

    def archive(self, version, machine):
        if self.is_function:
            return f"{self.binary}-{machine}.zip"
        return f"{self.binary}_{version}_linux_{machine}.tar.gz"

    def deb(self, version, machine):
        return None if self.is_function else f"{self.binary}_{version}_{machine}.deb"

    def rpm(self, version, machine):
        return None if self.is_function else f"{self.binary}-{version}-1.{self.cpu(machine)}.rpm"

    def image(self, version):
        """Returns the OCI archive with one image for all machines; None for a function."""
        return None if self.is_function else f"{self.binary}_{version}_linux.oci.tar"

    def checksum(self, version, machine):
        """Returns the file with the checksum of the binary, for `plugin register`; None for a function."""
        return None if self.is_function else f"{self.binary}_{version}_linux_{machine}.sha256"

    def inventory(self):
        """Returns the file name of the software bill of materials."""
        return f"{self.binary}.cdx.json"

    def notices(self):
        """Returns the file with the licences of the crates, if they are not in the archive; otherwise None."""
        return f"{self.binary}.licenses.txt" if self.is_function else None

    def files(self, version):
        """Returns the names of all release files of this artefact."""
        kinds = (self.archive, self.checksum, self.deb, self.rpm)
        names = [kind(version, machine) for kind in kinds for machine in self.targets]
        names += [self.inventory(), self.notices(), self.image(version)]
        return {name for name in names if name}


# Static binaries also run without glibc, for example in images based on Alpine Linux, such as those of Vault, OpenBao and many
# CI jobs. Their machine names follow Vault's releases; the function's follow Lambda's architectures.
STATIC_TARGETS = {"amd64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}
LAMBDA_TARGETS = {"x86_64": "x86_64-unknown-linux-gnu.2.34", "arm64": "aarch64-unknown-linux-gnu.2.34"}

FUNCTION = Artefact("genesys-rotator-lambda", "lambda", LAMBDA_GLIBC, LAMBDA_TARGETS, largest=3_000_000)
# OpenBao pulls plugins that are in the root of an image.
ENGINE = Artefact(
    "vault-plugin-secrets-genesys", "vault", None, STATIC_TARGETS, largest=4_000_000,
    in_image="vault-plugin-secrets-genesys", in_package="usr/lib/vault-plugins/vault-plugin-secrets-genesys",
)
COMMAND_LINE = Artefact(
    "genesys-rotator", "cli", None, STATIC_TARGETS, largest=6_000_000,
    in_image="usr/bin/genesys-rotator", in_package="usr/bin/genesys-rotator",
)
ARTEFACTS = (FUNCTION, ENGINE, COMMAND_LINE)


def manifests_of(version):
    """Returns the file with the Kubernetes manifests."""
    return f"genesys-rotator_{version}_kubernetes.tar.gz"


def released(version):
    """Returns the names of all files of a release."""
    return {CHECKSUMS, FORMULA, manifests_of(version)}.union(*(artefact.files(version) for artefact in ARTEFACTS))


def named(name):
    """Returns the artefact with this binary name."""
    return next(artefact for artefact in ARTEFACTS if artefact.binary == name)


def machine_of(artefact, cpu):
    """Returns an artefact's machine name for an `uname -m` value, or None if it is not built for that machine."""
    return next((machine for machine in artefact.targets if artefact.cpu(machine) == cpu), None)


if __name__ == "__main__":
    for each in ARTEFACTS:
        for machine, target in each.targets.items():
            print(each.binary, each.features, machine, target)
