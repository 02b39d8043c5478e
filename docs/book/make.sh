#!/usr/bin/env bash
# Runs for `make book`: makes a book of all pages, in the order of docs/README.md.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo 'usage: make.sh DIRECTORY, with mdbook and npm in PATH, or npm as the variable NPM' >&2
  exit 2
fi
mermaid=11.12.2
mermaid_sha256=d0830a6c05546e9edb8fe20a8f545f3e0dc7c4c3134d584bad9c13a99d7a71e0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
rm -rf "$work/src" "$work/html"
mkdir "$work/src"

# Pages link to templates and sources, so these become part of the book.
git -C "$root" ls-files -z --cached --others --exclude-standard | tar -C "$root" --null -T - -c | tar -C "$work/src" -x
cp "$root/docs/book/book.toml" "$root/docs/book/diagrams.js" "$work/"

# The table of contents: the lists of docs/README.md, with paths from the project's directory, and the decisions.
from_root() { sed -E 's#\]\(\.\./#](#; t; s#\]\(#](docs/#'; }
{
  echo '# Pages'
  sed -nE 's/^## (.*)/# \1/p; s/^(- \[[^]]*\]\([^)]*\)).*/\1/p' "$root/docs/README.md" | from_root
  echo '# Decisions'
  sed -nE 's/^\| \[[0-9]+\]\(([^)]*)\) \| (.*) \|$/- [\2](docs\/decisions\/\1)/p' "$root/docs/decisions/README.md" | tr -d '`'
  printf '\n[All pages](docs/README.md)\n'
} >"$work/src/SUMMARY.md"

if ! sha256sum --status --check <<<"$mermaid_sha256  $work/mermaid.min.js" 2>/dev/null; then
  echo "Downloading mermaid $mermaid, which draws the diagrams." >&2
  archive=$(cd "$work" && ${NPM:-npm} pack --silent "mermaid@$mermaid")
  tar -C "$work" -xzf "$work/$archive" --strip-components=2 package/dist/mermaid.min.js
  rm "$work/$archive"
  sha256sum --quiet --check <<<"$mermaid_sha256  $work/mermaid.min.js"
fi
mdbook build --dest-dir "$work/html" "$work"
echo "$work/html/index.html"
