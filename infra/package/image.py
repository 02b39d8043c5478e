#!/usr/bin/env python3
"""Writes an OCI archive of a program: a tar of an image layout, whose image has the binary alone in its root.

usage: image.py BINARY NAME MACHINE VERSION FILE    NAME is the artefact

OpenBao 2.5 and later pull plugins from such images. SOURCE_DATE_EPOCH, in seconds since 1970, is the timestamp.
The form is that of the OCI image specification 1.0: https://github.com/opencontainers/image-spec
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


def main(arguments):
    if len(arguments) != 5:
        sys.exit(__doc__)
    binary, name, machine, version, file = arguments
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    Path(file).write_bytes(archived(named(name), machine, version, Path(binary).read_bytes(), epoch))


def archived(artefact, machine, version, data, epoch):
    """Returns the archive of a binary; `epoch` in seconds since 1970, UTC."""
    files = {artefact.binary: data}
    tree = plain(files, artefact.binary, epoch)
    platform = {"architecture": machine, "os": "linux"}
    config = encoded({
        **platform,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
        # OpenBao reads the name of the binary here.
        "config": {"Entrypoint": [f"/{artefact.binary}"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tree)]},
    })
    layer = compressed(tree)
    manifest = encoded({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(CONFIG, config),
        "layers": [described(LAYER, layer)],
    })
    index = encoded({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{
            **described(MANIFEST, manifest),
            "platform": platform,
            # The tag, which is also the version under which OpenBao registers the plugin.
            "annotations": {"org.opencontainers.image.ref.name": f"v{version}"},
        }],
    })
    blobs = {BLOBS + digest(blob).removeprefix("sha256:"): blob for blob in (config, layer, manifest)}
    return plain({"oci-layout": encoded({"imageLayoutVersion": "1.0.0"}), "index.json": index, **blobs}, None, epoch)


def faults(archive, artefact, machine, version, binary):
    """Returns the reasons why an archive is not the image of a binary, one sentence each."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}
    wrong = [name for name, blob in files.items() if name.startswith(BLOBS) and BLOBS + sha256(blob) != name]
    yield from (f"{name} does not match its digest" for name in wrong)
    if wrong or len(files) != 5:
        yield f"it has {len(files)} files in place of 5"
        return
    follow = lambda reference: files[BLOBS + reference["digest"].removeprefix("sha256:")]
    listed = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(follow(listed[0]))
    config = json.loads(follow(manifest["config"]))
    if listed[0]["annotations"]["org.opencontainers.image.ref.name"] != f"v{version}":
        yield f"its tag is not v{version}"
    if (config["architecture"], config["os"]) != (machine, "linux"):
        yield f"it is for {config['os']}/{config['architecture']}"
    with tarfile.open(fileobj=io.BytesIO(follow(manifest["layers"][0]))) as tar:
        if [(entry.name, entry.mode) for entry in tar] != [(artefact.binary, 0o755)]:
            yield "its layer does not contain the binary alone"
        elif tar.extractfile(artefact.binary).read() != binary:
            yield "its binary is another one"


def described(kind, blob):
    return {"mediaType": kind, "digest": digest(blob), "size": len(blob)}


def encoded(document):
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def digest(blob):
    return f"sha256:{sha256(blob)}"


def sha256(blob):
    return hashlib.sha256(blob).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
