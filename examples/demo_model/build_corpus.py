"""Build the demonstration model's corpus out of Debian packages: see README.md beside this file."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from corpus_errors import CorpusError
from debian_packages import Package, find_packages, read_package
from lama_deploy.cli.common import command, progress_bar
from licences import DOCUMENTS
from pictures import SUFFIX, read_picture, save_picture
from records import Record, read_records, write_records
from sources import PACKAGES, SOURCES, Source
from training_images import training_card


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description="Build train/photos, train/textures and test out of Debian 12's packages.")
    p.add_argument("corpus", type=Path, metavar="CORPUS", help="the directory to make")
    p.add_argument("--packages", type=Path, metavar="DIR", help="build it of the .deb files there")
    p.add_argument("--card", type=Path, metavar="FILE", help="write the table of its training images, in Markdown")
    return p


@command("dev")
def main() -> int:
    p = parser()
    args = p.parse_args()
    if not args.packages and not args.card:
        p.error("nothing to do: give --packages, --card or both")
    try:
        if args.packages:
            build(args.packages, args.corpus)
            print(f"wrote {args.corpus}: {_counts(read_records(args.corpus))}")
        if args.card:
            args.card.write_text(training_card(read_records(args.corpus)), encoding="utf-8")
            print(f"wrote {args.card}")
    except OSError as error:
        raise CorpusError(f"{error.filename or args.corpus}: {error.strerror or error}") from error
    return 0


def build(packages: Path, corpus: Path) -> None:
    """Make the corpus; it appears whole or not at all. Raises CorpusError."""
    paths = find_packages(packages, PACKAGES)
    if corpus.exists():
        raise CorpusError(f"{corpus}: exists already; remove it or name another directory")
    corpus.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=corpus.parent, prefix=f"{corpus.name}.", suffix=".partial") as temporary:
        building = Path(temporary) / corpus.name
        building.mkdir()
        write_records(building, list(_write_pictures(paths, building)))
        building.rename(corpus)


def is_wanted(path: str, sources: Iterable[Source]) -> bool:
    """Whether any of the sources takes a file of this path, or may find a licence in it."""
    return path.endswith(DOCUMENTS) or any(source.name_of(path) for source in sources)


def take(package: Package, source: Source, corpus: Path) -> Iterator[Record]:
    """Write a source's pictures, in order of name, and leave out those of which nobody states the licence."""
    licence_of = source.licences(package)
    for name, file in _named_files(package, source):
        image = read_picture(package.files[file], source.limits, file)
        statement = licence_of(file)
        if image is not None and statement is not None:
            path = f"{source.folder}/{name}{SUFFIX}"
            save_picture(image, corpus / path)
            yield Record(path, package.name, package.version, file, **vars(statement))
        elif image is not None:
            print(f"left out, as the package states no licence: {package.name} {file}", file=sys.stderr)


def _write_pictures(paths: Mapping[str, Path], corpus: Path) -> Iterator[Record]:
    for name in progress_bar("packages")(list(paths)):
        yield from _write_package(paths[name], [source for source in SOURCES if source.package == name], corpus)


def _write_package(path: Path, sources: Sequence[Source], corpus: Path) -> Iterator[Record]:
    package = read_package(path, lambda file: is_wanted(file, sources))
    for source in sources:
        taken = list(take(package, source, corpus))
        if package.name != source.package or not taken:
            raise CorpusError(f"{path}: nothing for {source.folder} in it; is it Debian 12's {source.package}?")
        yield from taken


def _named_files(package: Package, source: Source) -> list[tuple[str, str]]:
    """(name, path in the package) of the files a source takes. Raises CorpusError where two share a name."""
    named = sorted((name, file) for file in package.files if (name := source.name_of(file)))
    for (name, file), (following, other) in pairwise(named):
        if name == following:
            raise CorpusError(f"{package.name}: {file} and {other} would both be written as {name}{SUFFIX}")
    return named


def _counts(records: Iterable[Record]) -> str:
    counts = Counter(record.path.rpartition("/")[0] for record in records)
    return ", ".join(f"{count} {folder}" for folder, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
