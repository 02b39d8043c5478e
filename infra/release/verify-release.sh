#!/usr/bin/env bash
# Verifies all files of a downloaded release, as docs/packages.md tells its users: checksums, signature, provenance.
# Needs cosign, and gh with a login.
set -euo pipefail

if [ $# -ne 3 ] && [ $# -ne 4 ]; then
  echo 'usage: verify-release.sh DIRECTORY OWNER/REPOSITORY TAG [COMMIT]' >&2
  exit 2
fi
repository=$2 tag=$3
commit=(${4:+--source-digest "$4"})
workflow=$repository/.github/workflows/release.yml
server=${GITHUB_SERVER_URL:-https://github.com}
cd "$1"

fail() {
  printf 'error: %s\nhint: %s\n' "$1" 'do not publish or install these files' >&2
  exit 1
}

for file in SHA256SUMS SHA256SUMS.sigstore.json; do
  [ -f "$file" ] || fail "$file is missing"
done
cosign verify-blob SHA256SUMS --bundle SHA256SUMS.sigstore.json \
  --certificate-identity "$server/$workflow@refs/tags/$tag" \
  --certificate-oidc-issuer https://token.actions.githubusercontent.com || fail 'the signature of SHA256SUMS is not valid'
sha256sum --check --strict --quiet SHA256SUMS || fail 'a file is missing or differs from SHA256SUMS'
shopt -s dotglob
for file in *; do
  case $file in
    SHA256SUMS.sigstore.json) continue ;;
    SHA256SUMS) ;;
    *) grep -Fxq -- "$(sha256sum -- "$file")" SHA256SUMS || fail "$file is not in SHA256SUMS" ;;
  esac
  gh attestation verify "$file" --repo "$repository" --signer-workflow "$workflow" --source-ref "refs/tags/$tag" "${commit[@]}" ||
    fail "the provenance of $file is not valid"
done
echo "all files of $tag are those that $workflow built"
