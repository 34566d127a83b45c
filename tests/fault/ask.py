"""One HTTP request, answered or not."""

import hashlib
import hmac
import http.client
import json

# Longer than the service may take for anything.
PATIENCE_S = 40


class Gone(Exception):
    """There was no whole answer."""


def ask(port, method, path, body=None, key=None, headers=None, patience=PATIENCE_S):
    """Asks over a connection of its own; gives status and body."""
    headers = dict(headers or {})
    if key:
        headers["authorization"] = f"Bearer {key}"
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers["content-type"] = "application/json"
    headers["connection"] = "close"
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        line.request(method, path, body, headers)
        answer = line.getresponse()
        # Cut off within its head, an answer looks like one that has nothing to say.
        if answer.getheader("content-length") is None and answer.getheader("transfer-encoding") is None:
            raise http.client.IncompleteRead(b"")
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Gone(f"{method} {path}: {error!r}") from None
    finally:
        line.close()


def told(body):
    """An answer's JSON; an empty object if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return {}


def signed(secret, body):
    """The headers of a webhook as Meta sends it."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"}
