# Ten calls for each line on standard input, by the function of docs/readers. Prints the number of those that failed.
#
# The calls of the line `together` are made at the same time.
set -uo pipefail
. "$READERS/rotated_token.sh"

call() {
  genesys_api "$SECRET" "http://$GATEWAY_HOST:$GATEWAY_PORT/api/v2/tokens/me" >/dev/null || echo failed
}

while read -r line; do
  for _ in {1..10}; do
    if [[ $line == together ]]; then call & else call; fi
  done > >(wc -l)
  wait
done
