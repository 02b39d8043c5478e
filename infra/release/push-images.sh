#!/usr/bin/env bash
# Pushes the images of a release to a registry, and prints one reference with its digest per line.
# Needs skopeo, with a login at the registry.
set -euo pipefail

if [ $# -ne 3 ]; then
  echo 'usage: push-images.sh DIRECTORY VERSION REGISTRY/PATH, such as dist 0.1.0 ghcr.io/owner' >&2
  exit 2
fi
directory=$1 version=$2 place=${3,,}
digest=$(mktemp)
trap 'rm -f "$digest"' EXIT

shopt -s nullglob
archives=("$directory"/*_"$version"_linux*.oci.tar)
[ ${#archives[@]} -gt 0 ] || {
  printf 'error: %s has no images of version %s\nhint: run make package\n' "$directory" "$version" >&2
  exit 1
}
for archive in "${archives[@]}"; do
  name=$(basename "$archive")
  name=${name%%_*}
  skopeo copy --quiet --all --preserve-digests --digestfile "$digest" "oci-archive:$archive" "docker://$place/$name:v$version" >&2
  printf '%s/%s@%s\n' "$place" "$name" "$(<"$digest")"
done
