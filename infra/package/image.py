#!/usr/bin/env python3
"""Writes an OCI archive: a tar of an image layout with one image of a program for all machines.

usage: image.py NAME VERSION FILE FILES MACHINE=BINARY...    NAME is the artefact, FILES a directory with its licences

An image has the binary, the CA certificates of Mozilla, and the licences, and runs as a user without a name. It has no
shell and no libc. OpenBao 2.5 and later pull plugins from such images. SOURCE_DATE_EPOCH, in seconds since 1970, is the
timestamp. The form is that of the OCI image specification 1.0: https://github.com/opencontainers/image-spec
"""
import hashlib
import io
import json
import os
import sys
import tarfile
import time
from pathlib import Path

from archive import compressed, plain
from artefacts import named

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
BLOBS = "blobs/sha256/"
TAG = "org.opencontainers.image.ref.name"
# The user of the manifests in infra/kubernetes. `runAsNonRoot` needs a number.
USER = "65532:65532"
# The first place in which the programs look for certificates, and the fewest that it may have.
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
FEWEST_CERTIFICATES = 100
SOURCE_OF_CERTIFICATES = """\
The certificates are those of certifi {}, which are Mozilla's list. Their licence is the Mozilla Public License 2.0:
https://mozilla.org/MPL/2.0/. Their source is https://pypi.org/project/certifi/.
"""


def main(arguments):
    if len(arguments) < 5:
        sys.exit(__doc__)
    name, version, file, files, *binaries = arguments
    binaries = {machine: Path(path).read_bytes() for machine, path in (binary.split("=", 1) for binary in binaries)}
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    Path(file).write_bytes(archived(named(name), version, binaries, shared_files(named(name), Path(files)), epoch))


def shared_files(artefact, directory):
    """Returns the files of all machines: the certificates, and the licences of everything in the image."""
    # certifi is the list of Mozilla in a package. `make package` pins it; other callers of this file do not need it.
    import certifi

    place = f"usr/share/doc/{artefact.binary}/"
    files = {place + path.name: path.read_bytes() for path in directory.iterdir() if "LICENSE" in path.name}
    files[place + "CERTIFICATES"] = SOURCE_OF_CERTIFICATES.format(certifi.__version__).encode()
    return {**files, CERTIFICATES: certifi.contents().encode()}


def archived(artefact, version, binaries, shared, epoch):
    """Returns the archive of the binaries (machine -> content); `shared` are files of all machines (name -> content)."""
    blobs = {}

    def add(kind, blob):
        blobs[BLOBS + sha256(blob)] = blob
        return {"mediaType": kind, "digest": f"sha256:{sha256(blob)}", "size": len(blob)}

    manifests = []
    for machine, binary in sorted(binaries.items()):
        layers = [plain({artefact.in_image: binary}, artefact.in_image, epoch), plain(shared, None, epoch)]
        platform = {"architecture": machine, "os": "linux"}
        config = {
            **platform,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            # OpenBao reads the name of the binary from the entry point.
            "config": {"User": USER, "Entrypoint": [f"/{artefact.in_image}"], "Env": ["PATH=/usr/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": add(CONFIG, encoded(config)),
            "layers": [add(LAYER, compressed(layer)) for layer in layers],
        }
        manifests.append({**add(MANIFEST, encoded(manifest)), "platform": platform})
    image = add(INDEX, encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))
    # The tag, which is also the version under which OpenBao registers a plugin.
    tagged = {**image, "annotations": {TAG: f"v{version}"}}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged]}
    layout = {"oci-layout": encoded({"imageLayoutVersion": "1.0.0"}), "index.json": encoded(index)}
    return plain({**layout, **blobs}, None, epoch)


class Image:
    """An archive, read back."""

    def __init__(self, archive):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            self.files = {entry.name: tar.extractfile(entry).read() for entry in tar}

    def blob(self, reference):
        return self.files[BLOBS + reference["digest"].removeprefix("sha256:")]

    def document(self, reference):
        return json.loads(self.blob(reference))

    def tagged(self):
        """Returns the descriptor of the image, which has its digest and its tag."""
        return json.loads(self.files["index.json"])["manifests"][0]

    def machines(self):
        """Returns the manifest of each machine."""
        return {each["platform"]["architecture"]: self.document(each) for each in self.document(self.tagged())["manifests"]}

    def tree(self, manifest):
        """Returns the files of an image (name -> entry and content)."""
        found = {}
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.blob(layer))) as tar:
                found |= {entry.name: (entry, tar.extractfile(entry).read()) for entry in tar}
        return found


def faults(archive, artefact, version, binaries):
    """Returns the reasons why an archive is not the image of these binaries (machine -> content), one sentence each."""
    image = Image(archive)
    wrong = [name for name, blob in image.files.items() if name.startswith(BLOBS) and BLOBS + sha256(blob) != name]
    if wrong:
        yield from (f"{name} does not match its digest" for name in wrong)
        return
    if image.tagged()["annotations"][TAG] != f"v{version}":
        yield f"its tag is not v{version}"
    if image.machines().keys() != binaries.keys():
        yield f"it is for {', '.join(image.machines())}"
    for machine, manifest in image.machines().items():
        config = image.document(manifest["config"])
        if (config["architecture"], config["os"]) != (machine, "linux"):
            yield f"the image of {machine} is for {config['os']}/{config['architecture']}"
        if config["config"]["User"] != USER:
            yield f"the image of {machine} runs as {config['config'].get('User', 'root')}"
        tree = image.tree(manifest)
        for name, (entry, content) in tree.items():
            expected = 0o755 if name == artefact.in_image else 0o644
            if not entry.isfile() or entry.uid or entry.mode != expected:
                yield f"{name} in the image of {machine} is not a file of root with mode {expected:o}"
            if name == artefact.in_image and content != binaries.get(machine):
                yield f"the binary in the image of {machine} is another one"
        licences = f"usr/share/doc/{artefact.binary}/"
        for name in (artefact.in_image, CERTIFICATES, licences + "LICENSE", licences + "THIRD-PARTY-LICENSES.txt"):
            if name not in tree:
                yield f"the image of {machine} has no {name}"
        if tree.get(CERTIFICATES, (None, b""))[1].count(b"BEGIN CERTIFICATE") < FEWEST_CERTIFICATES:
            yield f"the image of {machine} has too few certificates"


def encoded(document):
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def sha256(blob):
    return hashlib.sha256(blob).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
