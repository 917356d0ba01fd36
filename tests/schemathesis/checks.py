"""What a description in OpenAPI cannot say of dSock's API, as checks of schemathesis."""

import json
import urllib.parse

import requests
import schemathesis

# Why a request may be refused that is as described: one of several parameters is needed, an id is
# not known or already used, a time is over, a name is longer in bytes than in characters.
REASONS = {
    "/claim": {"CLAIM_ID_ALREADY_USED", "INVALID_EXPIRATION", "INVALID_DURATION"},
    "/connect": {"MISSING_AUTHENTICATION", "MISSING_CLAIM", "INVALID_JWT"},
    "/send": {"MISSING_TARGET", "INVALID_MESSAGE_TYPE"},
    "/disconnect": {"MISSING_TARGET"},
    "/info": {"MISSING_TARGET"},
    "/channel/subscribe/{channel}": {"MISSING_TARGET"},
    "/channel/unsubscribe/{channel}": {"MISSING_TARGET"},
}
TOO_LONG = "ERROR_BINDING_QUERY_PARAMS"
LONGEST_NAME = 128

probed = set()


def described_methods(case):
    return case.operation.schema.raw_schema["paths"][case.operation.path]


def is_described(response, case):
    return response.request.method.lower() in described_methods(case)


def error_code(response):
    try:
        return json.loads(response.content).get("errorCode")
    except ValueError:
        return None


@schemathesis.check
def what_is_as_described_is_accepted(ctx, response, case):
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or not is_described(response, case):
        return
    if response.status_code == 200:
        return
    code = error_code(response)
    # A claim that is good, and no handshake.
    if case.operation.path == "/connect" and response.content == b"Bad Request\n":
        return
    if code == TOO_LONG and len(response.request.url) > LONGEST_NAME:
        return
    assert code in REASONS.get(case.operation.path, set()), f"{response.status_code} {code}"


@schemathesis.check
def what_is_not_described_is_not_found(ctx, response, case):
    if is_described(response, case) or case.operation.path == "/ping":
        return
    if response.request.method == "HEAD":
        return
    assert response.status_code == 404, f"{response.request.method}: {response.status_code}"
    assert response.content == b"404 page not found"


@schemathesis.check
def nothing_is_done_without_the_token(ctx, response, case):
    operation = case.operation.label
    described = case.operation.definition.raw
    if described.get("security") == [] or response.status_code != 200 or operation in probed:
        return
    probed.add(operation)
    url = urllib.parse.urlsplit(response.request.url)
    parameters = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
    parameters = [(name, value) for name, value in parameters if name != "token"]
    url = url._replace(query="").geturl()
    for header, token in [({}, []), ({"Authorization": "Bearer x"}, []), ({}, [("token", "x")])]:
        answer = requests.request(
            response.request.method, url, params=parameters + token, headers=header, timeout=10
        )
        assert answer.status_code == 400, answer.text
        assert error_code(answer) == "INVALID_AUTHORIZATION", answer.text
