"""The hospital's identity provider, as OpenID Connect 1.0 lets it speak: authorization code, PKCE, a signed ID token.

From the token comes who somebody is and in which groups; which group is which role is the hospital's setting. The
access token is thrown away: there is nothing that we want to ask for with it.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sync.receiver.errors import NotSignedIn, ProviderAway
from sync.receiver.view.login import Admission
from sync.receiver.view.provider_settings import ProviderSettings, admission_of

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by a key that only the provider has: none, and those with our own secret, are not among them."""
LEEWAY_SECONDS: Final = 60
KEPT_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 30.0
"""So often are the keys asked for anew when a token names one that is not known."""
TIMEOUT_SECONDS: Final = 5.0
LONGEST_ANSWER: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Errand:
    """One sign-in that is under way: the secrets that tie the provider's answer to the browser that asked."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """What the provider holds the verifier against (RFC 7636, S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Provider:
    """The identity provider over HTTPS.

    Args:
        settings: what was agreed.
        clock: seconds that only go on, for how long its keys are kept.
    """

    def __init__(self, settings: ProviderSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, verify=_trusting(settings.authorities))
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def way_there(self, errand: Errand) -> str:
        """The provider's page that somebody signs in at, for this errand.

        Raises:
            ProviderAway: it does not answer, or not as it must.
        """
        asked = {
            "response_type": "code",
            "client_id": self.settings.client,
            "redirect_uri": self.settings.back,
            "scope": self.settings.scope,
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
        }
        page = self._named("authorization_endpoint")
        return f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(asked)}"

    def admission(self, errand: Errand, code: str) -> Admission:
        """Who came back with this code.

        Raises:
            ProviderAway: it does not answer, or not as it must.
            NotSignedIn: it does not vouch for anybody, or for somebody who is nothing here.
        """
        return admission_of(self._claims(self._token(errand, code), errand), self.settings)

    def _token(self, errand: Errand, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.back,
            "code_verifier": errand.verifier,
        }
        proof: httpx.BasicAuth | None = None
        if self.settings.secret:  # RFC 6749, 2.3.1: both are form-encoded before they are put together
            proof = httpx.BasicAuth(quote(self.settings.client, safe=""), quote(self.settings.secret, safe=""))
        else:
            form["client_id"] = self.settings.client
        status, said = self._answer("POST", self._named("token_endpoint"), data=form, auth=proof)
        if status != httpx.codes.OK:
            raise NotSignedIn("The identity provider did not take its own answer back: it is used, or too old.")
        token = said.get("id_token")
        if not isinstance(token, str):
            raise ProviderAway("The identity provider's answer holds no ID token. Is the client there an OpenID one?")
        return token

    def _claims(self, token: str, errand: Errand) -> Mapping[str, Any]:
        """What the token says, its signature and its claims checked (OpenID Connect Core 1.0, 3.1.3.7)."""
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client},
            nonce={"essential": True, "value": errand.nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            try:
                said = jwt.decode(token, self._key_set(), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                # The provider may have changed its keys since; a token that is wrong fails again.
                said = jwt.decode(token, self._key_set(anew=True), algorithms=list(ALGORITHMS))
            rules.validate(said.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise NotSignedIn(
                "The identity provider's word does not hold. Try again; if it stays so, IT must look at it."
            ) from error
        if said.claims.get("azp", self.settings.client) != self.settings.client:
            raise NotSignedIn("The identity provider's word was for somebody else.")
        return said.claims

    def _named(self, what: str) -> str:
        """One of the provider's own addresses, as its metadata name it."""
        url = self._described().get(what)
        if not isinstance(url, str) or urlsplit(url).scheme != urlsplit(self.settings.issuer).scheme:
            raise ProviderAway(f"The identity provider names no {what} that can be trusted.")
        return url

    def _described(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, 4)."""
        with self._lock:
            kept = self._metadata
        if kept is not None and self._clock() - kept[0] < KEPT_SECONDS:
            return kept[1]
        status, said = self._answer("GET", f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != httpx.codes.OK or said.get("issuer") != self.settings.issuer:
            raise ProviderAway("The identity provider calls itself otherwise than `oidc.issuer` does. Correct it.")
        with self._lock:
            self._metadata = (self._clock(), said)
        return said

    def _key_set(self, *, anew: bool = False) -> KeySet:
        with self._lock:
            kept = self._keys
        if kept is not None and self._clock() - kept[0] < (AGAIN_SECONDS if anew else KEPT_SECONDS):
            return kept[1]
        status, said = self._answer("GET", self._named("jwks_uri"))
        try:
            if status != httpx.codes.OK:
                raise ValueError("the keys are not given")
            keys = KeySet.import_key_set({"keys": said["keys"]})
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderAway("The identity provider's keys cannot be read.") from error
        with self._lock:
            self._keys = (self._clock(), keys)
        return keys

    def _answer(self, method: str, url: str, **how: Any) -> tuple[int, dict[str, Any]]:
        try:
            with self._client.stream(method, url, **how) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > LONGEST_ANSWER:
                        raise ProviderAway("The identity provider's answer is longer than any of its kind.")
            said = httpx.Response(answer.status_code, content=body).json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderAway from error
        except ValueError as error:
            raise ProviderAway("The identity provider's answer is no JSON.") from error
        if not isinstance(said, dict):
            raise ProviderAway("The identity provider's answer is no JSON object.")
        return answer.status_code, said


def _trusting(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities or None)
