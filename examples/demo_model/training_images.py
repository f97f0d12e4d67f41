"""The model card's part on training images: counts and licences by package, and the authors to be named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from records import Record
from sources import PACKAGES, TRAINING_FOLDERS

HEAD = """\
# What lama-demo was trained on

Written by `build_corpus.py --card` from the corpus's `LICENCES.tsv`, which says the same of every single picture;
do not edit. Licences are as the packages state them; where two statements on a photograph of Endless Sky disagree, the
one that names its author counts. The packages are Debian 12 (bookworm), main; the pictures are not part of this
repository.
"""
E_MAIL = re.compile(r"\s*[(<][^()<>\s]+@[^()<>\s]+[)>]")
ATTRIBUTION = """\
## Authors

Of the pictures under licences that ask for attribution. Where a package names several authors for many files together,
so does this table.
"""


def training_card(records: Iterable[Record]) -> str:
    """Markdown on the training pictures among the records."""
    training = [record for record in records if record.path.startswith(TRAINING_FOLDERS)]
    packages = _table(("package", "version", "kind", "images", "licences"), _package_rows(training))
    authors = _table(("licence", "author", "package", "images"), _author_rows(training))
    return f"{HEAD}\n{packages}\n{ATTRIBUTION}\n{authors}"


def _package_rows(training: Sequence[Record]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for package in PACKAGES:
        own = [record for record in training if record.package == package]
        if own:
            kind = own[0].path.split("/")[1]
            rows.append((package, own[0].version, kind, len(own), _licence_counts(own)))
    return [*rows, ("all", "", "", len(training), _licence_counts(training))]


def _licence_counts(records: Iterable[Record]) -> str:
    counts = Counter(record.licence for record in records)
    return ", ".join(f"{count} {licence}" for licence, count in sorted(counts.items(), key=_most_first))


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _author_rows(training: Iterable[Record]) -> list[tuple[object, ...]]:
    """E-mail addresses stay in the packages: the names suffice for attribution."""
    asking = (record for record in training if record.licence.startswith("CC-BY"))
    named = Counter((record.licence, E_MAIL.sub("", record.author), record.package) for record in asking)
    return [(*key, count) for key, count in sorted(named.items())]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |\n" for line in lines)
