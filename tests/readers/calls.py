"""Ten calls for each line on standard input, by the client of docs/readers. Prints the number of those that failed.

The calls of the line `together` are made at the same time. The line `hint` is the event of a rotation, and prints the token.
"""

import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.environ["READERS"])

import PureCloudPlatformClientV2 as genesys
from PureCloudPlatformClientV2.rest import ApiException
from rotated_token import RotatedTokenClient

logging.basicConfig()
client = genesys.api_client.ApiClient()
client.set_gateway(os.environ["GATEWAY_HOST"], "http", int(os.environ["GATEWAY_PORT"]), "", "")
rotated = RotatedTokenClient(os.environ["SECRET"])
client.set_http_client(rotated)


def fails(number):
    try:
        if number % 2:
            genesys.UsersApi(client).get_users(page_size=25, page_number=1)
        else:
            genesys.TokensApi(client).get_tokens_me()
    except ApiException as error:
        print(error.status, file=sys.stderr)
        return True
    return False


for line in sys.stdin:
    if line == "hint\n":
        print(rotated.current(rejected=rotated.token), flush=True)
        continue
    with ThreadPoolExecutor(10 if line == "together\n" else 1) as pool:
        print(sum(pool.map(fails, range(10))), flush=True)
