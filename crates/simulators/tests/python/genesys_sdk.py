"""Drives a Genesys Cloud simulator with Genesys's own Python SDK (PureCloudPlatformClientV2).

Usage: genesys_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET

Only the host is changed: the SDK derives the login address from it by replacing "//api." with
"//login.", so an address without "api." serves both. The client is not modified.
Then holds raw answers and requests against the models of the SDK: their fields, types and enumerations.
Exits with 1 at the first answer that the SDK does not parse correctly, or that its models do not have.
"""

import datetime
import json
import re
import sys
import urllib.error
import urllib.request

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
    wanted.role_divisions = genesys.TokensApi(api).get_tokens_me().o_auth_client.role_divisions
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


def request(base_url, api, method, path, body=None):
    headers = {"authorization": f"Bearer {api.access_token}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(base_url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(call) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def walk(where, raw, kind):
    """Holds a raw value against a type of the SDK, such as `str`, `list[OAuthClient]` or `dict(str, str)`."""
    listed, mapped = re.fullmatch(r"list\[(.*)\]", kind), re.fullmatch(r"dict\(str, (.*)\)", kind)
    if listed or mapped:
        if not isinstance(raw, list if listed else dict):
            sys.exit(f"mismatch: {where} is no {kind}: {raw!r}")
        for name, value in enumerate(raw) if listed else raw.items():
            walk(f"{where}[{name!r}]", value, (listed or mapped)[1])
    elif kind == "datetime":
        datetime.datetime.strptime(raw, "%Y-%m-%dT%H:%M:%S.%fZ")
    elif kind in ("str", "int", "bool", "float"):
        wanted = {"str": str, "int": int, "bool": bool, "float": (int, float)}[kind]
        if not isinstance(raw, wanted) or isinstance(raw, bool) != (kind == "bool"):
            sys.exit(f"mismatch: {where} is no {kind}: {raw!r}")
    elif kind != "object":
        walk_model(where, raw, getattr(genesys, kind)())


def walk_model(where, raw, model):
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    if not isinstance(raw, dict) or raw.keys() - names.keys():
        sys.exit(f"mismatch: {where} is no {type(model).__name__}: {raw!r}")
    for json_name, value in raw.items():
        if value is None:
            continue
        name = names[json_name]
        walk(f"{where}.{json_name}", value, model.swagger_types[name])
        # The setter of an enumeration replaces a value that it does not know.
        setattr(model, name, value)
        if getattr(model, name) != value:
            sys.exit(f"mismatch: {where}.{json_name} has no value {value!r}")


def check_models(base_url, api):
    def call(method, path, kind, body=None, status=200):
        found, answer = request(base_url, api, method, path, body)
        expect(f"the status of {method} {path}", found, status)
        walk(f"{method} {path}", answer, kind)
        return answer

    roles = call("GET", "/api/v2/tokens/me", "TokenInfo")["OAuthClient"]["roleDivisions"]
    for path, kind in [
        ("users?pageSize=2&pageNumber=2", "UserEntityListing"),
        ("routing/skills", "SkillEntityListing"),
        ("routing/queues", "QueueEntityListing"),
        ("authorization/permissions", "PermissionCollectionEntityListing"),
        ("oauth/clients", "OAuthClientEntityListing"),
        ("audits/query/any/results", "AuditQueryExecutionResultsResponse"),
    ]:
        call("GET", f"/api/v2/{path}", kind)
    whole = {
        "name": "whole", "accessTokenValiditySeconds": 300, "description": "of every field",
        "registeredRedirectUri": ["https://example.com"], "roleIds": [], "authorizedGrantType": "CLIENT-CREDENTIALS",
        "scope": ["routing"], "roleDivisions": roles, "state": "active", "dateToDelete": "2030-01-01T00:00:00.000Z",
    }
    walk("the request", whole, "OAuthClientRequest")
    expect("fields of OAuthClientRequest", whole.keys() ^ genesys.OAuthClientRequest().attribute_map.values(), set())
    made = call("POST", "/api/v2/oauth/clients", "OAuthClient", whole)
    path = f"/api/v2/oauth/clients/{made['id']}"
    call("GET", path, "OAuthClient")
    call("PUT", path, "OAuthClient", whole)
    call("POST", f"{path}/secret", "OAuthClient")
    for name in genesys.OAuthClient().attribute_map.values() - whole.keys():
        call("PUT", path, "ErrorBody", {**whole, name: made.get(name)}, status=400)
    call("PUT", path, "OAuthClient", {**whole, "state": "inactive"})
    for method, path, body, status in [
        ("GET", "/api/v2/users/me", None, 400),
        ("GET", "/api/v2/oauth/clients/unknown", None, 404),
        ("POST", "/api/v2/oauth/clients", {"name": "x"}, 400),
        ("POST", "/api/v2/oauth/clients", {"name": "x", "authorizedGrantType": "CLIENT-CREDENTIALS"}, 400),
        ("GET", "/api/v2/users?pageSize=0", None, 400),
        ("DELETE", "/api/v2/users", None, 405),
    ]:
        call(method, path, "ErrorBody", body, status)


def main(base_url, client_id, client_secret):
    genesys.configuration.host = base_url
    refused("a login with a wrong secret", lambda: login(client_id, client_secret + " "), 400, "invalid_client")
    api = login(client_id, client_secret)
    check_token(api, client_id)
    check_lists(api)
    check_audits(api)
    check_secret(api)
    check_models(base_url, api)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: genesys_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET")
    main(*sys.argv[1:])
