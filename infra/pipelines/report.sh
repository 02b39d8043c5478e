#!/usr/bin/env bash
# What a pipeline does with a token: here it reads one page of the API. The examples run this.
set -euo pipefail

# printf is the shell's own, so the header is in no process's arguments.
printf 'Authorization: Bearer %s\n' "$GENESYSCLOUD_ACCESS_TOKEN" |
  curl --silent --show-error --fail --header @- "$GENESYSCLOUD_API_URL/api/v2/routing/skills?pageSize=25"
