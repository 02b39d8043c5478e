"""A job that outlives its token, with Genesys's own Python SDK (PureCloudPlatformClientV2), started by `exec --serve`.

Logs in once. For each line on standard input it makes ten calls and prints the number of those that failed.
"""

import os
import sys

try:
    import PureCloudPlatformClientV2 as genesys
    from PureCloudPlatformClientV2.rest import ApiException
except ImportError:
    print("skipped: PureCloudPlatformClientV2 is not installed", flush=True)
    sys.exit(0)

client = genesys.api_client.ApiClient()
client.set_gateway(
    os.environ["GENESYSCLOUD_GATEWAY_HOST"],
    os.environ["GENESYSCLOUD_GATEWAY_PROTOCOL"],
    int(os.environ["GENESYSCLOUD_GATEWAY_PORT"]),
    "",
    "",
)
client.get_client_credentials_token(
    os.environ["GENESYSCLOUD_OAUTHCLIENT_ID"], os.environ["GENESYSCLOUD_OAUTHCLIENT_SECRET"]
)
print("logged in", flush=True)
for _ in sys.stdin:
    failed = 0
    for number in range(10):
        try:
            if number % 2:
                genesys.UsersApi(client).get_users(page_size=25, page_number=1)
            else:
                genesys.TokensApi(client).get_tokens_me()
        except ApiException as error:
            print(error, file=sys.stderr)
            failed += 1
    print(failed, flush=True)
