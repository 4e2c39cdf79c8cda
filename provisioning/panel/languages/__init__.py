"""What the screen says: a catalogue for each language, one TOML file beside this one, read once at start.

A language is one file more. Its keys and the values in braces are those of English; its `[heard]` table translates
what other rooms say in English, so that no room but the panel knows that there are languages. See docs/adr/0009.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

ENGLISH: Final = "en"
NUMBER: Final = "number"
LONGEST: Final = 1000
"""No sentence of ours has more characters; a longer one is shown as it came, because patterns take time."""

SCRIPT: Final = ("script", "guide", "sign-in", "kinds", "counted", "covered", "format")
"""The tables that the modules in the browser get."""

_VALUE: Final = re.compile(r"\\\{(\w+)\\\}")
_PLURAL: Final = {"one", "other"}


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence that another room says, as a pattern, and what it is in this language."""

    pattern: re.Pattern[str]
    said: str


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        code: as in `<html lang>` (BCP 47).
        name: what it calls itself.
        words: key → sentence, or the two sentences of a number, `one` and `other`.
        plain: English sentences of other rooms → theirs here.
        patterns: the same where a sentence has values.
    """

    code: str
    name: str
    words: Mapping[str, str | Mapping[str, str]]
    plain: Mapping[str, str]
    patterns: tuple[Heard, ...]

    def say(self, key: str, **values: object) -> str:
        """The sentence of `key` with these values in it. Raises KeyError: no such key, or a value is missing."""
        found = self.words[key]
        if not isinstance(found, str):
            found = found["one" if values[NUMBER] == 1 else "other"]
        return found.format_map(values)

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key in self.words

    def heard(self, sentence: str) -> str:
        """What another room says in English, in this language, its values too; as it came where it is not known."""
        if sentence in self.plain or len(sentence) > LONGEST:
            return self.plain.get(sentence, sentence)
        for heard in self.patterns:
            if match := heard.pattern.fullmatch(sentence):
                return heard.said.format_map({name: self.heard(value) for name, value in match.groupdict().items()})
        return sentence

    def script(self) -> dict[str, str | Mapping[str, str]]:
        """What the modules in the browser say, ready for JSON."""
        return {key: said for key, said in self.words.items() if key.partition(".")[0] in SCRIPT}


def language_of(code: str, text: str) -> Language:
    """The language of this TOML text. Raises ValueError: it is no such file."""
    tables = tomllib.loads(text)
    heard: dict[str, str] = tables.pop("heard", {})
    words = dict(_flat("", tables))
    return Language(
        code,
        str(tables["name"]),
        MappingProxyType(words),
        MappingProxyType({english: said for english, said in heard.items() if "{" not in english}),
        tuple(Heard(_pattern(english), said) for english, said in heard.items() if "{" in english),
    )


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str | Mapping[str, str]]]:
    for name, value in table.items():
        if isinstance(value, str) or value.keys() == _PLURAL:
            yield prefix + name, value
        else:
            yield from _flat(f"{prefix}{name}.", value)


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile(_VALUE.sub(r"(?P<\1>.*)", re.escape(english)), re.DOTALL)


def _read() -> dict[str, Language]:
    found = {}
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        code, _, ending = file.name.rpartition(".")
        if ending == "toml":
            found[code] = language_of(code, file.read_text("utf-8"))
    return found


LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType(_read())
