"""Licences as packages state them: Debian's machine-readable copyright, GCompris' READMEs, KDE's metadata."""

import json

import pytest

from corpus_errors import CorpusError
from debian_packages import Package
from licences import FileStatements, debian_copyright, endless_sky, gcompris_readmes, kde_wallpaper, spelled

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Source: https://example.org/moss

Files: *
Copyright: The Moss Team
License: GPL-2+

Files:
 images/land/*
 images/sea?.jpg
 images/odd[1].jpg
Copyright: 2008, Ada
           2009, "Bo"
License: public-domain
 Donated and placed
 .
 in the public domain.

Files: images/land/*-ada*
Copyright: Ada
License: CC-BY-SA-4.0
Comment: Cropped.

Files: images/land/hill1*
Copyright: Various
License: public-domain

License: GPL-2+
 The licence's text, which speaks of no files.
"""
README = """\
Copyright: Tim
License: CC-BY-SA 4.0
Files:
key.svg
map/map.svg

Files: bee.webp
Source: https://example.org/Bee.jpg
License: Public Domain
Copyright: Bo
Comments: cropping
"""


def package(**files: str) -> Package:
    return Package("moss", "1", {path: text.encode() for path, text in files.items()})


def with_copyright(text: str = COPYRIGHT, **files: str) -> Package:
    return package(**{"usr/share/doc/moss/copyright": text}, **files)


@pytest.mark.parametrize(
    ("path", "author"),
    [
        ("sounds/a.ogg", "The Moss Team"),
        ("images/land/deep/er.jpg", '2008, Ada; 2009, "Bo"'),
        ("images/sea1.jpg", '2008, Ada; 2009, "Bo"'),
        ("images/sea10.jpg", "The Moss Team"),
        ("images/odd[1].jpg", '2008, Ada; 2009, "Bo"'),
        ("images/odd1.jpg", "The Moss Team"),
        ("images/land/sea-ada.jpg", "Ada"),
        ("images/land/hill12-ada.jpg", "Various"),
    ],
)
def test_the_last_stanza_that_names_a_file_speaks_for_it(path: str, author: str) -> None:
    statement = FileStatements(COPYRIGHT).of(path)
    assert statement is not None and statement.author == author


def test_every_field_is_kept() -> None:
    statement = FileStatements(COPYRIGHT).of("images/sea1.jpg")
    assert statement is not None
    assert (statement.licence, statement.source) == ("public-domain", "https://example.org/moss")
    assert statement.note == "Donated and placed in the public domain."


def test_installed_paths_are_looked_up_as_in_the_source() -> None:
    licence_of = debian_copyright(installed="usr/share/moss/", upstream="images/")(with_copyright())
    statement = licence_of("usr/share/moss/sea1.jpg")
    assert statement is not None and statement.licence == "public-domain"


def test_a_photographers_mark_outranks_a_later_prefix() -> None:
    licence_of = endless_sky(installed="usr/")(with_copyright())
    found = {name: licence_of(f"usr/images/land/{name}.jpg") for name in ("hill12-ada", "hill1", "hill2")}
    assert {name: statement and statement.licence for name, statement in found.items()} == {
        "hill12-ada": "CC-BY-SA-4.0",
        "hill1": "public-domain",
        "hill2": "public-domain",
    }


def test_nobody_states_anything() -> None:
    assert debian_copyright("")(package())("a.jpg") is None
    assert gcompris_readmes(package())("a.jpg") is None
    assert kde_wallpaper(package())("a.jpg") is None


def test_readmes_name_files_relative_to_themselves() -> None:
    licence_of = gcompris_readmes(package(**{"x.rcc:res/README": README, "x.rcc:res/sub/README": README}))
    bee = licence_of("x.rcc:res/bee.webp")
    assert bee is not None
    assert (bee.licence, bee.author, bee.note) == ("public-domain", "Bo", "cropping")
    assert bee.source == "https://example.org/Bee.jpg"
    assert licence_of("x.rcc:res/map/map.svg") and licence_of("x.rcc:res/sub/bee.webp")
    assert not licence_of("x.rcc:res/map/bee.webp") and not licence_of("x.rcc:bee.webp")


def test_wallpapers_name_their_author_and_disagree_on_the_licence() -> None:
    metadata = json.dumps({"KPlugin": {"Authors": [{"Name": "Ada"}, {"Name": "Bo"}], "License": "LGPLv3"}})
    licence_of = kde_wallpaper(with_copyright(**{"usr/Path/metadata.json": metadata}))
    statement = licence_of("usr/Path/contents/images/1x1.jpg")
    assert statement is not None
    assert (statement.licence, statement.author) == ("GPL-2+ (metadata.json: LGPLv3)", "Ada; Bo")


@pytest.mark.parametrize("metadata", ["", "[]", "{}", '{"KPlugin": {"Authors": [1]}}'])
def test_damaged_metadata_is_reported(metadata: str) -> None:
    licence_of = kde_wallpaper(with_copyright(**{"usr/Path/metadata.json": metadata}))
    with pytest.raises(CorpusError, match=r"metadata\.json does not name"):
        licence_of("usr/Path/contents/images/1x1.jpg")


@pytest.mark.parametrize(
    ("licence", "expected"),
    [("CC-BY-SA 4.0", "CC-BY-SA-4.0"), ("Public domain", "public-domain"), ("CC0-1.0", "CC0-1.0")],
)
def test_licences_are_spelled_alike(licence: str, expected: str) -> None:
    assert spelled(licence) == expected
