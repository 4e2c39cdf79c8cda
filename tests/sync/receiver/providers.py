"""Identity providers for the tests: a real one, and one that says whatever a test has it say."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from firmware.demo.place import free_ports

CLIENT = "wardlens-view"
SECRET = "between us & them"


class Liar:
    """A provider that anybody may put words into.

    Attributes:
        claims: changes to the claims of the next token; None takes one away.
        header, key: of the next token.
        documents: what each path answers, instead of what an honest provider says.
        asked: the forms that came to the token endpoint, and how the client proved itself.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.good = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.published = [self.good]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "ES256", "kid": "one"}
        self.key: ECKey | RSAKey | OctKey = self.good
        self.token: str | None = None
        self.documents: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[dict[str, str], str]] = []
        self.nonce = ""

    def answer(self, path: str, form: dict[str, str], proof: str) -> tuple[int, bytes]:
        """What is said at `path`."""
        if path in self.documents:
            return self.documents[path]
        if path == "/token":
            self.asked.append((form, proof))
            return 200, json.dumps({"id_token": self.token or self.sign(), "token_type": "Bearer"}).encode()
        said: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            },
            "/keys": {"keys": [key.as_dict(private=False) for key in self.published]},
        }
        return (200, json.dumps(said[path]).encode()) if path in said else (404, b"{}")

    def sign(self) -> str:
        """The next token."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "u-17", "name": "Noor Nurse", "groups": ["ward-4"]}
        claims |= {"nonce": self.nonce, "iat": now, "exp": now + 300} | self.claims
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(self.header, said, self.key, algorithms=[self.header["alg"]])


@contextlib.contextmanager
def lying_provider() -> Iterator[Liar]:
    """The liar on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say({name: values[0] for name, values in parse_qs(body).items()})

        def _say(self, form: dict[str, str]) -> None:
            status, body = liar.answer(self.path, form, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar = Liar(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def real_provider(*users: dict[str, Any]) -> Iterator[str]:
    """An OpenID Connect provider that knows these users, in a process of its own: its address."""
    (port,) = free_ports(1)
    known = [word for user in users for word in ("--user-claims", json.dumps(user))]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    with subprocess.Popen([*command, *known], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        issuer, end = f"http://127.0.0.1:{port}", time.monotonic() + 30
        try:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{issuer}/.well-known/openid-configuration").status_code == httpx.codes.OK:
                        break
                assert process.poll() is None, "the provider ended"
                assert time.monotonic() < end, "the provider does not answer"
                time.sleep(0.05)
            yield issuer
        finally:
            process.terminate()
