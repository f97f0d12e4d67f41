"""LICENCES.tsv: of every picture in the corpus, what it was, by whom, and under which licence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from corpus_errors import CorpusError

FILE_NAME = "LICENCES.tsv"


class Record(NamedTuple):
    """One picture; the fields are the file's columns."""

    path: str  # in the corpus
    package: str
    version: str
    file: str  # in the package; after a colon, in an archive there
    licence: str
    author: str
    source: str
    note: str  # what the package remarks: changes made, where it says the licence comes from


def write_records(corpus: Path, records: Iterable[Record]) -> None:
    """Sorted by path, so that the same packages give the same bytes."""
    rows = [Record._fields, *sorted(records)]
    text = "".join("\t".join(" ".join(value.split()) for value in row) + "\n" for row in rows)
    (corpus / FILE_NAME).write_text(text, encoding="utf-8")


def read_records(corpus: Path) -> list[Record]:
    """Raises CorpusError where there is no such file, or another."""
    path = corpus / FILE_NAME
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        if tuple(header.split("\t")) != Record._fields:
            raise ValueError("other columns")
        return [Record(*line.split("\t")) for line in lines]
    except (OSError, TypeError, ValueError) as error:
        raise CorpusError(f"{path}: no list of licences written by build_corpus.py ({error})") from error
