"""The Kubernetes manifests of a release: the CronJob of infra/kubernetes with the digest of the release's image."""
import io
import tarfile
from pathlib import Path

from archive import tarred
from image import Image

ROOT = Path(__file__).resolve().parents[2]
FILES = ("rotate-kv.yaml", "network.yaml")
# The image in rotate-kv.yaml.
PLACEHOLDER = "registry.example.com/genesys-rotator"
KUSTOMIZATION = """\
# Names the image of this release by its digest. Replace newName with your registry; the digest is the same in each one.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - rotate-kv.yaml
images:
  - name: {placeholder}
    newName: {placeholder}
    digest: {digest}
"""


def packed(image, licence, epoch):
    """Returns the tar.gz; `image` is the archive of the command line's image."""
    files = {name: (ROOT / "infra/kubernetes" / name).read_bytes() for name in FILES}
    files["kustomization.yaml"] = KUSTOMIZATION.format(placeholder=PLACEHOLDER, digest=Image(image).tagged()["digest"]).encode()
    return tarred({**files, "LICENSE": licence}, None, epoch)


def faults(archive, image):
    """Returns the reasons why an archive does not start the program of an image, one sentence each."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {entry.name: tar.extractfile(entry).read().decode() for entry in tar}
    digest = Image(image).tagged()["digest"]
    if files.get("kustomization.yaml") != KUSTOMIZATION.format(placeholder=PLACEHOLDER, digest=digest):
        yield f"its kustomization does not name {digest}"
    if f"image: {PLACEHOLDER}:" not in files.get("rotate-kv.yaml", ""):
        yield f"its CronJob does not have the image {PLACEHOLDER}"
    yield from (f"it has no {name}" for name in FILES if name not in files)
