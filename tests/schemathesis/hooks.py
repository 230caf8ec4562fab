"""What schemathesis does not know: how files are sent, and which headers an answer of the house has."""

import schemathesis

# Headers that mean something to a caller. The others are for browsers and proxies.
TOLD = {
    "etag", "location", "x-consistency-token", "x-request-id", "ratelimit", "ratelimit-policy",
    "retry-after", "www-authenticate", "idempotency-replayed",
}


@schemathesis.serializer("application/x-ndjson", "text/csv")
def file(_context, value):
    """A file is sent as it is; what is none is sent as the text it prints as."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@schemathesis.check
def headers_are_described(_context, response, case):
    """Whatever an answer tells in a header, the description says; and every answer has its id."""
    assert "x-request-id" in response.headers, "an answer without X-Request-Id"
    described = case.operation.responses.find_by_status_code(response.status_code)
    if described is None:
        return
    known = {name.lower() for name, _ in described.headers.items()}
    untold = TOLD & set(response.headers) - known
    assert not untold, f"{response.status_code} has {sorted(untold)}, which is not described"
