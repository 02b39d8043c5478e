#!/usr/bin/env bash
# A stand-in for a pipeline job: reads one page of the API with the token. The examples run this.
set -euo pipefail

# printf is a shell builtin, so the header does not appear in the process list.
printf 'Authorization: Bearer %s\n' "$GENESYSCLOUD_ACCESS_TOKEN" |
  curl --silent --show-error --fail --header @- "$GENESYSCLOUD_API_URL/api/v2/routing/skills?pageSize=25"
