"""Wardlens beside deface on the same film in one run: `make bench-peers`.

Both get the same pixels from memory, so that reading a video counts for nobody. They take turns, a block of frames
each, because a shared machine is slower in one minute than in the next. deface does its detection alone; Wardlens is
timed until the frame is covered, as a live view frame by frame, and as a film, of which it sees all frames first.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import cv2
import numpy as np
import typer

from firmware.command import run
from firmware.demo.pictures import PORTRAIT, samples_folder
from firmware.errors import WorkFailed
from firmware.looking import load_deidentifier
from firmware.measuring.contenders import Block, Contender, Deface, Wardlens, WardlensFilms
from firmware.measuring.figures import per_second, percentiles
from firmware.measuring.film import FRAMES, SEED, SIZE, Film, draw_film, share_covered
from firmware.measuring.machine import machine_facts
from firmware.settings import load_settings
from firmware.terminal import Advance, ConfigOption, print_rows, progress
from inference import Kind, Pixels

FACES_ONLY: Final = "wardlens, faces only"
EVERY_KIND: Final = "wardlens, every kind"
FILM_FACES: Final = "wardlens, a film's faces"
OURS: Final = (FACES_ONLY, FILM_FACES, EVERY_KIND)
PEERS: Final = {"deface, onnxruntime": "onnxrt", "deface, OpenCV": "opencv"}
"""Name → backend. A plain installation has OpenCV's; its README advises onnxruntime, which is quicker."""
HALF: Final = 0.5
WHOLE: Final = 0.98
"""Shares of the face from which on it is half and wholly covered."""
_WARM_UP: Final = 3
"""Frames before each block that are not counted: whoever had the turn before may still be finishing."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How the film is shared out.

    Attributes:
        rounds: how often everybody sees the whole film.
        block: frames of one turn.
    """

    rounds: int = 2
    block: int = 50

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.block < 1:
            raise ValueError("everybody sees a frame once at least")

    def blocks(self, frames: int) -> Iterator[range]:
        """The film's frames in blocks, the film over and over."""
        for _ in range(self.rounds):
            yield from (range(first, min(first + self.block, frames)) for first in range(0, frames, self.block))


def compare(contenders: Sequence[Contender], film: Film, turns: Turns, advance: Advance) -> dict[str, list[Block]]:
    """Name → that contender's blocks; they take turns block by block."""
    seen: dict[str, list[Block]] = {contender.name: [] for contender in contenders}
    blocks = list(turns.blocks(len(film.faces)))
    for done, block in enumerate(blocks):
        advance(done, "turns")
        for contender in contenders:
            contender.look([(block.start - back) % len(film.faces) for back in range(_WARM_UP, 0, -1)])
            seen[contender.name].append(contender.look(block))
    advance(len(blocks), "turns")
    return seen


def figures_of(blocks: Sequence[Block], film: Film, turns: Turns) -> dict[str, Any]:
    """One contender's frames a second, latency, what it covered of the face, and where that was not all."""
    rates = [per_second(block.milliseconds) for block in blocks]
    numbers = [number for block in turns.blocks(len(film.faces)) for number in block]
    shapes = [shown for block in blocks for shown in block.shapes]
    shares = [share_covered(film.faces[number], shown) for number, shown in zip(numbers, shapes, strict=True)]
    return {
        "fps": statistics.median(rates),
        "fps_of_each_block": rates,
        "latency_ms": percentiles([spent for block in blocks for spent in block.milliseconds]),
        "face_half_covered": statistics.fmean(share >= HALF for share in shares),
        "face_covered": statistics.fmean(share >= WHOLE for share in shares),
        "uncovered": [
            {"frame": number, "share": share} for number, share in zip(numbers, shares, strict=True) if share < WHOLE
        ],
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How many times as many frames a second: the median over blocks that stood beside each other."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def bench_peers(
    peers: Annotated[Path, typer.Option(help="The Python of an environment with deface in it.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often everybody sees the film of 150 frames.")] = 2,
    block: Annotated[int, typer.Option(min=1, help="Frames of one turn.")] = 50,
    frames: Annotated[int, typer.Option(min=1, max=FRAMES, help="Frames of the film.")] = FRAMES,
    config: ConfigOption = None,
) -> None:
    """Compare the live view with deface 1.5.0: frames a second and how much of the face is covered.

    Example: make bench-peers ARGS="--json figures.json"
    """
    settings = load_settings(config)
    film = draw_film(_portrait(samples_folder(settings.models)), frames)
    turns = Turns(rounds, block)
    with ExitStack() as stack, progress("bench-peers", rounds * -(-frames // block)) as advance:
        kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wardlens-peers-"))) / "film.npy"
        np.save(kept, film.frames)
        every_kind = load_deidentifier(settings)
        stack.callback(every_kind.close)
        faces_only = every_kind.live_only(Kind.FACE)
        stack.callback(faces_only.close)
        them = [stack.enter_context(Deface(name, peers, kept, backend)) for name, backend in PEERS.items()]
        us: list[Contender] = [
            Wardlens(FACES_ONLY, faces_only, film),
            WardlensFilms(FILM_FACES, faces_only, film),
            Wardlens(EVERY_KIND, every_kind, film),
        ]
        seen = compare([them[0], *us[:2], them[1], us[2]], film, turns, advance)
        machine = machine_facts(every_kind.threads)
    figures = {
        "machine": machine,
        "film": {"frames": frames, "width": SIZE[0], "height": SIZE[1], "seed": SEED, "rounds": rounds, "block": block},
        "contenders": {name: figures_of(blocks, film, turns) for name, blocks in seen.items()},
    }
    figures["ratios"] = ratios(figures["contenders"])
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print_rows(rows_of(figures), as_json=False, empty="")


def ratios(contenders: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Ours → each peer → how many times its frames a second."""
    return {
        ours: {
            name: ratio(contenders[ours]["fps_of_each_block"], contenders[name]["fps_of_each_block"]) for name in PEERS
        }
        for ours in OURS
    }


def rows_of(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """The table: one contender a row."""
    return [
        {
            "who": name,
            "frames/s": f"{one['fps']:.1f}",
            "p99 ms": f"{one['latency_ms']['p99']:.0f}" if name != FILM_FACES else "–",
            **{f"× {peer.split()[-1]}": _times(figures["ratios"], name, peer) for peer in PEERS},
            "face covered ≥ 50 %": f"{one['face_half_covered']:.3f}",
            "≥ 98 %": f"{one['face_covered']:.3f}",
        }
        for name, one in figures["contenders"].items()
    ]


def _times(known: Mapping[str, Mapping[str, float]], ours: str, peer: str) -> str:
    return f"{known[ours][peer]:.2f}" if ours in known else "–"


def _portrait(folder: Path) -> Pixels:
    portrait = cv2.imread(str(folder / PORTRAIT))
    if portrait is None:
        raise WorkFailed(f"There is no portrait in {folder}; run `wardlens models fetch --with-samples`.")
    return np.asarray(cv2.cvtColor(portrait, cv2.COLOR_BGR2RGB), np.uint8)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(bench_peers)
    run(app)
