"""Drives a Genesys Cloud simulator with Genesys's own Python SDK (PureCloudPlatformClientV2).

Usage: genesys_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET

Only the host is changed: the SDK derives the login address from it by replacing "//api." with
"//login.", so an address without "api." serves both. The client is not modified.
Exits with 1 at the first answer that the SDK does not parse correctly.
"""

import sys

try:
    import PureCloudPlatformClientV2 as genesys
    from PureCloudPlatformClientV2.rest import ApiException
except ImportError:
    print("skipped: PureCloudPlatformClientV2 is not installed")
    sys.exit(0)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"mismatch: {what} is {found!r}, not {wanted!r}")
    print(f"ok: {what} is {wanted!r}")


def refused(what, call, status, text):
    try:
        call()
    except ApiException as error:
        expect(f"the status of {what}", error.status, status)
        expect(f"{text!r} in the body of {what}", text in (error.body or ""), True)
        return
    sys.exit(f"mismatch: {what} was not refused")


def login(client_id, client_secret):
    return genesys.api_client.ApiClient().get_client_credentials_token(client_id, client_secret)


def check_token(api, client_id):
    token = genesys.TokensApi(api).get_tokens_me()
    expect("the token's client", token.o_auth_client.id, client_id)
    expect("the token's grant", token.o_auth_client.authorized_grant_type, "CLIENT-CREDENTIALS")
    expect("the client's organization", token.o_auth_client.organization.id, token.organization.id)
    genesys.TokensApi(api).head_tokens_me()
    refused("users/me", lambda: genesys.UsersApi(api).get_users_me(), 400, "not.a.user")


def check_lists(api):
    users, number = [], 1
    while True:
        page = genesys.UsersApi(api).get_users(page_size=25, page_number=number)
        users += [user.id for user in page.entities]
        if page.next_uri is None:
            break
        number += 1
    expect("the last page", number, page.page_count)
    expect("the number of users", len(set(users)), page.total)
    skills = genesys.RoutingApi(api).get_routing_skills(page_size=10)
    expect("the skills on a page", len(skills.entities), min(10, skills.total))
    expect("a skill's state", skills.entities[0].state, "active")


def check_audits(api):
    seen, cursor = 0, None
    while True:
        arguments = {"cursor": cursor} if cursor else {}
        page = genesys.AuditApi(api).get_audits_query_transaction_id_results("any", page_size=25, **arguments)
        seen += len(page.entities)
        cursor = page.cursor
        if not cursor:
            break
    expect("audit messages beyond the first page", seen > 25, True)


def check_secret(api):
    oauth = genesys.OAuthApi(api)
    wanted = genesys.OAuthClientRequest()
    wanted.name = "made by the SDK"
    wanted.authorized_grant_type = "CLIENT-CREDENTIALS"
    wanted.access_token_validity_seconds = 300
    made = oauth.post_oauth_clients(wanted)
    expect("the secret of a client that is read", oauth.get_oauth_client(made.id).secret, None)
    regenerated = oauth.post_oauth_client_secret(made.id)
    expect("the client of the new secret", regenerated.id, made.id)
    expect("a new secret that differs", regenerated.secret not in (None, made.secret), True)
    refused("a login with the old secret", lambda: login(made.id, made.secret), 400, "invalid_client")
    its_own = login(made.id, regenerated.secret)
    check_token(its_own, made.id)
    genesys.TokensApi(its_own).delete_tokens_me()
    refused("a revoked token", lambda: genesys.TokensApi(its_own).get_tokens_me(), 401, "bad.credentials")
    wanted.state = "inactive"
    expect("the state of a client that was put away", oauth.put_oauth_client(made.id, wanted).state, "inactive")
    oauth.delete_oauth_client(made.id)
    refused("a deleted client", lambda: oauth.get_oauth_client(made.id), 404, "client.not.found")


def main(base_url, client_id, client_secret):
    genesys.configuration.host = base_url
    refused("a login with a wrong secret", lambda: login(client_id, client_secret + " "), 400, "invalid_client")
    api = login(client_id, client_secret)
    check_token(api, client_id)
    check_lists(api)
    check_audits(api)
    check_secret(api)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: genesys_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET")
    main(*sys.argv[1:])
