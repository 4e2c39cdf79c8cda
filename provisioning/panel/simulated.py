"""A camera service in memory, for tests of the routes: it holds stills and answers as the real one, without light."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from capture.errors import CameraServiceAway, CameraServiceRefused, CodeUnseen, FeaturesForbidden, StillChanged
from provisioning.panel.ports import Json, LiveStream

READY: Json = {
    "camera": {"state": "ready", "sentence": "", "name": "simulated"},
    "engine": {"state": "ready", "sentence": "", "models": {}},
    "vault": {"writable": True, "sentence": "", "free_bytes": 1_000_000_000},
    "live_fps": 30.0,
    "stills_held": 0,
    "version": "0",
}


class SimulatedCamera:
    """What it says and holds is open to the test.

    Attributes:
        in_view: kind of code → what it reads of it.
        away: makes every call fail.
        frozen: makes its live view stand still, as a process that hangs does.
        said: the health it reports.
        stills: what it holds.
        may_show_features: whether eyes and mouth may be shown by whoever asks, with the patient's consent.
        advice: what its live view advises.
        quality: what it says of each still.
    """

    def __init__(self, *, jpeg: bytes = b"\xff\xd8\xff\xd9", unanswered: Sequence[str] = ("tattoo",)) -> None:
        self.jpeg = jpeg
        self.away = False
        self.frozen = False
        self.said: Json = dict(READY)
        self.stills: dict[str, Json] = {}
        self.accepted: list[Mapping[str, Any]] = []
        self.in_view: dict[str, str] = {}
        self.scans_stopped = 0
        self.may_show_features = False
        self.advice = "good"
        self.quality: Json = {"verdict": "good", "sentence": ""}
        self._unanswered = tuple(unanswered)
        self._hiding: tuple[str, ...] = ()
        self._taken = 0

    def hides(self, *kinds: str) -> None:
        """What it covers of these kinds in later stills may lie on a wound."""
        self._hiding = kinds

    async def health(self) -> Json:
        """What `said` holds."""
        self._there()
        return {**self.said, "stills_held": len(self.stills)}

    @asynccontextmanager
    async def live(self) -> AsyncIterator[LiveStream]:
        """The same moment again and again."""
        self._there()
        yield _Same(self)

    async def scan(self, kind: str) -> Json:
        """The text of `in_view` for this kind."""
        self._there()
        if kind not in self.in_view:
            raise CameraServiceRefused(CodeUnseen().sentence, status=404, error="code_unseen")
        return {"symbology": "code128", "text": self.in_view[kind]}

    async def stop_scan(self) -> None:
        """Counts."""
        self._there()
        self.scans_stopped += 1

    async def take(self) -> Json:
        """A still of 640×480 with one face."""
        self._there()
        self._taken += 1
        name = f"{self._taken:032x}"
        face = {"kind": "face", "polygon": [[10, 10], [90, 10], [90, 90]], "score": 0.9, "model": "simulated"}
        outcomes = {"face": "found", "text": "clear", "code": "clear", "tattoo": "clear"}
        self.stills[name] = {
            "id": name,
            "width": 640,
            "height": 480,
            "redaction": {
                "width": 640,
                "height": 480,
                "outcomes": outcomes | dict.fromkeys((*self._unanswered, *self._hiding), "unsure"),
                "regions": [face],
                "models": {},
                "decisions": [],
            },
            "unanswered": list(dict.fromkeys((*self._unanswered, *self._hiding))),
            "hiding": list(self._hiding),
            "quality": self.quality,
            "milliseconds": {},
        }
        return self.stills[name]

    async def picture(self, still: str, *, width: int | None = None) -> bytes:  # noqa: ARG002 - the port's signature
        """The JPEG it was made with."""
        self._held(still)
        return self.jpeg

    async def still(self, still: str) -> Json:
        """What it holds."""
        return self._held(still)

    async def decide(self, still: str, decisions: Sequence[Mapping[str, Any]], *, after: int | None = None) -> Json:
        """The still with these decisions applied."""
        held = self._held(still)
        if after is not None and after != len(held["redaction"]["decisions"]):
            raise CameraServiceRefused(StillChanged().sentence, status=409, error="still_changed")
        regions, unanswered = list(held["redaction"]["regions"]), list(held["unanswered"])
        hiding = list(held["hiding"])
        shown = list(held["redaction"].get("shown", ()))
        for decision in decisions:
            agreed = decision.get("consent", {}).get("recognisable", False)
            if decision.get("features") and not (self.may_show_features and agreed):
                raise CameraServiceRefused(FeaturesForbidden().sentence, status=403, error="features_forbidden")
            if decision["action"] == "add":
                regions.append({**decision, "score": 1.0, "model": "person"})
            elif decision["action"] == "remove":
                del regions[decision["index"]]
            elif decision["action"] == "show":
                shown.append({"polygon": decision["polygon"], "kept": []})
            elif decision["action"] == "confirm":
                unanswered = [kind for kind in unanswered if kind != decision["kind"]]
            if decision["action"] in {"leave", "show"}:
                hiding = [kind for kind in hiding if kind != decision["kind"]]
        covered = {region["kind"] for region in regions}
        hiding = [kind for kind in hiding if kind in covered]
        made = [*held["redaction"]["decisions"], *decisions]
        redaction = {**held["redaction"], "regions": regions, "decisions": made, "shown": shown}
        redaction["recognisable"] = bool(shown)
        self.stills[still] = {**held, "redaction": redaction, "unanswered": unanswered, "hiding": hiding}
        return self.stills[still]

    async def accept(self, still: str, encounter: Mapping[str, Any]) -> Json:
        """Notes the encounter and lets the still go."""
        held = self._held(still)
        if held["unanswered"] or held["hiding"]:
            raise CameraServiceRefused(
                "Answer first.",
                status=409,
                error="unanswered",
                unanswered=tuple(held["unanswered"]),
                hiding=tuple(held["hiding"]),
            )
        self.accepted.append(encounter)
        del self.stills[still]
        return {
            "capture": still,
            "digest": "0" * 64,
            "bytes": 2_000_000,
            "counter": len(self.accepted),
            "milliseconds": {"total_ms": 450.0},
        }

    async def discard(self, still: str) -> None:
        """Lets it go."""
        self._there()
        self.stills.pop(still, None)

    async def discard_all(self) -> None:
        """Lets all go."""
        self._there()
        self.stills.clear()

    async def close(self) -> None:
        """Has no connection to give back."""

    def _there(self) -> None:
        if self.away:
            raise CameraServiceAway

    def _held(self, still: str) -> Json:
        self._there()
        if still not in self.stills:
            raise CameraServiceRefused("That picture is not in review.", status=404, error="still-unknown")
        return self.stills[still]


class _Same:
    def __init__(self, camera: SimulatedCamera) -> None:
        self._camera = camera

    async def next_message(self) -> bytes:
        if self._camera.away:
            raise CameraServiceAway
        while self._camera.frozen:  # noqa: ASYNC110 - a test sets it from another thread
            await asyncio.sleep(0.05)
        facts = (
            b'{"sequence":1,"age_ms":1,"width":640,"height":480,"fps":30,"regions":[],"camera":{"state":"ready"},'
            b'"advice":"%s"}' % self._camera.advice.encode()
        )
        return len(facts).to_bytes(4, "big") + facts + self._camera.jpeg
