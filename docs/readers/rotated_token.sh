# The token of a secret that rotates, for curl, read with genesys-rotator. Source this file:
#
#   genesys_api genesys/prod "https://api.mypurecloud.ie/api/v2/routing/skills?pageSize=25"
#
# Each call reads the secret, so that this works in subshells and background jobs too. The command `token` fails if the
# token expires within a minute. After 401 the secret is read again, and with another token the call is repeated.

genesys_api() {
  local secret=$1 header other answer
  shift
  header=$(genesys-rotator token "$secret" --format header) || return
  answer=$(genesys_curl "$header" "$@") || return
  if [[ ${answer##*$'\n'} == 401 ]]; then
    other=$(genesys-rotator token "$secret" --format header) || return
    [[ $other == "$header" ]] || answer=$(genesys_curl "$other" "$@") || return
  fi
  printf '%s\n' "${answer%$'\n'*}"
  [[ ${answer##*$'\n'} == 2?? ]]
}

# Prints the answer and then the status. The header is piped, so that it does not appear in the process list.
genesys_curl() {
  printf '%s\n' "$1" | curl --silent --show-error --max-time 60 --write-out '\n%{http_code}' --header @- "${@:2}"
}
