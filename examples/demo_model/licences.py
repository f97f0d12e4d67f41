"""Under which licence a file of a package stands, and by whom it is, as the package itself states it.

Two kinds of text say so, both in stanzas of fields: debian/copyright (Debian's machine-readable format) and the READMEs
of GCompris, which look like it but do not indent the lines of a field.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from corpus_errors import CorpusError
from debian_packages import Package

FIELD = re.compile(r"([A-Za-z][A-Za-z-]*):(.*)")
README = "README"
METADATA = "metadata.json"
DOCUMENTS = ("copyright", README, METADATA)  # the names of files that state licences

Stanza = Mapping[str, Sequence[str]]  # a field's lines by its name


@dataclass(frozen=True)
class Statement:
    """What a package says about a file. Only the licence is always there."""

    licence: str
    author: str = ""
    source: str = ""
    note: str = ""


LicenceOf = Callable[[str], Statement | None]  # by a file's path; None: nobody states it
LicenceReader = Callable[[Package], LicenceOf]


def debian_copyright(installed: str, upstream: str = "") -> LicenceReader:
    """Read debian/copyright, which names files as in the source: there `installed` of a path is `upstream`."""

    def read(package: Package) -> LicenceOf:
        statements = FileStatements(_copyright_text(package))
        return lambda path: statements.of(upstream + path.removeprefix(installed))

    return read


def endless_sky(installed: str) -> LicenceReader:
    """As debian_copyright, but a photographer's mark in a file's name ("mountain10-sfiera") decides.

    To the letter, the pattern mountain1* of a later stanza, meant for another photograph, would win and make that one,
    and 16 more whose authors gave them under CC-BY-SA, public domain.
    """

    def read(package: Package) -> LicenceOf:
        text = _copyright_text(package)
        marked, statements = FileStatements(text, "/*-"), FileStatements(text)

        def licence_of(path: str) -> Statement | None:
            file = path.removeprefix(installed)
            return marked.of(file) or statements.of(file)

        return licence_of

    return read


def gcompris_readmes(package: Package) -> LicenceOf:
    """The nearest README above a file speaks for it, and names it relative to itself."""
    statements = {
        path.removesuffix(README): FileStatements(content.decode(errors="replace"))
        for path, content in package.files.items()
        if path.endswith("/" + README)
    }

    def licence_of(path: str) -> Statement | None:
        above = [folder for folder in statements if path.startswith(folder)]
        nearest = max(above, key=len, default=None)
        return None if nearest is None else statements[nearest].of(path.removeprefix(nearest))

    return licence_of


def kde_wallpaper(package: Package) -> LicenceOf:
    """debian/copyright speaks of the package as a whole; each wallpaper's metadata.json names its own author."""
    by_debian = debian_copyright("")(package)

    def licence_of(path: str) -> Statement | None:
        statement = by_debian(path)
        metadata = package.files.get(path.partition("/contents/")[0] + "/" + METADATA)
        if statement is None or metadata is None:
            return statement
        authors, licence = _kde_metadata(metadata, path)
        # The two disagree: keep both.
        return replace(statement, author=authors, licence=f"{statement.licence} ({METADATA}: {licence})")

    return licence_of


def _kde_metadata(content: bytes, path: str) -> tuple[str, str]:
    try:
        plugin = json.loads(content)["KPlugin"]
        return "; ".join(author["Name"] for author in plugin["Authors"]), plugin["License"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: its {METADATA} does not name authors and licence ({error!r})") from error


def _copyright_text(package: Package) -> str:
    return package.files.get(f"usr/share/doc/{package.name}/copyright", b"").decode(errors="replace")


class FileStatements:
    """The stanzas of one text, or those with a pattern that contains `naming`.

    As Debian's format has it, the last stanza that names a file speaks for it.
    """

    def __init__(self, text: str, naming: str = "") -> None:
        parsed = stanzas(text)
        home = _joined(parsed[0].get("Source", ())) if parsed and "Files" not in parsed[0] else ""
        self._statements = [
            (_files_pattern(stanza["Files"]), _statement(stanza, home))
            for stanza in parsed
            if stanza.get("License") and any(naming in line for line in stanza.get("Files", ()))
        ]

    def of(self, path: str) -> Statement | None:
        found = (statement for pattern, statement in reversed(self._statements) if pattern.match(path))
        return next(found, None)


def stanzas(text: str) -> list[Stanza]:
    """The fields of each paragraph; any line that opens no field belongs to the one before."""
    return [fields for paragraph in re.split(r"\n\s*\n", text) if (fields := _fields(paragraph))]


def spelled(licence: str) -> str:
    """One spelling for each licence: "CC-BY-SA 4.0" is CC-BY-SA-4.0, "Public Domain" public-domain."""
    hyphenated = licence.strip().replace(" ", "-")
    return hyphenated.lower() if hyphenated.lower() == "public-domain" else hyphenated


def _fields(paragraph: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in paragraph.splitlines():
        if opening := FIELD.match(line):
            lines = fields.setdefault(opening[1], [])
            line = opening[2]
        if line.strip() not in ("", "."):
            lines.append(line.strip())
    return fields


def _statement(stanza: Stanza, home: str) -> Statement:
    """`home`: where the whole package comes from, for files of which nothing nearer is known."""
    licence, *terms = stanza["License"]
    remarks = [*stanza.get("Comment", ()), *stanza.get("Comments", ()), *terms]
    return Statement(
        spelled(licence),
        author="; ".join(stanza.get("Copyright", ())),
        source=_joined(stanza.get("Source", ())) or home,
        note=_joined(remarks),
    )


def _joined(lines: Sequence[str]) -> str:
    return " ".join(lines)


def _files_pattern(lines: Sequence[str]) -> re.Pattern[str]:
    """One pattern for all of a stanza's; * and ? match slashes too, and unlike in a shell [ is a plain character."""
    patterns = (word.replace("[", "[[]") for line in lines for word in line.split())
    return re.compile("|".join(map(fnmatch.translate, patterns)))
