"""What the corpus is made of: the packages of Debian 12 (bookworm, main), and which of their pictures go where.

No photograph is in both sets. GCompris gives to both: its monuments train, as the other packages have mostly landscapes
and a model paints no buildings that never saw any; its animals and musicians are kept for testing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from licences import LicenceReader, debian_copyright, endless_sky, gcompris_readmes, kde_wallpaper
from pictures import NO_LIMITS, Limits

TRAIN_PHOTOS = "train/photos"
TRAIN_TEXTURES = "train/textures"
TEST = "test"
TRAINING_FOLDERS = (TRAIN_PHOTOS, TRAIN_TEXTURES)


@dataclass(frozen=True)
class Source:
    """Pictures of one package that go into one folder of the corpus."""

    package: str
    folder: str
    files: str  # a regular expression for the whole path in the package; its groups name the picture
    written_as: str  # the picture's name, of those groups
    licences: LicenceReader
    without: str = r"(?!)"  # a regular expression; nothing it is found in is taken
    limits: Limits = NO_LIMITS

    def name_of(self, path: str) -> str | None:
        """The name under which a file is written, without suffix; None for a file that is not taken."""
        match = re.fullmatch(self.files, path)
        return None if match is None or re.search(self.without, path) else self.written_as.format(**match.groupdict())


ENDLESS_SKY = "usr/share/games/endless-sky/plugins/endless-sky-high-dpi/"
MATE = "usr/share/backgrounds/mate/"
LOMIRI = "usr/share/backgrounds/"
PLASMA = "usr/share/wallpapers/"
GCOMPRIS = "usr/share/gcompris-qt/rcc/"
UFOAI = "usr/share/games/ufoai/base/0textures.pk3:"

PLASMA_PHOTOS = "BytheWater|ColdRipple|ColorfulCups|EveningGlow|FallenLeaf|Grey|Kite|OneStandsOut|Path|summer_1am"
LOMIRI_DRAWINGS = r"/(umang|analogpattern|Fossa|Infinite|Painting)"
# Not surfaces seen by daylight: spaceships, screens, posters, lamps, cars; then maps of normals, gloss and the like;
# then what is lettered, marked, transparent or no surface at all.
NO_TEXTURE_FOLDERS = r"/tex_(alienb|ufo|tech|pics|lights|vehicles)/"
NO_COLOUR_MAPS = r"_(nm|sm|gm|norm|spec)\."
NO_SURFACES = r"(sign|stri?pe|yellow|ladder|gl[ao]ss)[^/]*$"

SOURCES = (
    Source(
        package="endless-sky-high-dpi",
        folder=TRAIN_PHOTOS,
        files=ENDLESS_SKY + r"images/land/(?P<name>[^/]+)@2x\.jpg",
        written_as="es_{name}",
        licences=endless_sky(installed=ENDLESS_SKY),
    ),
    Source(
        package="mate-backgrounds",
        folder=TRAIN_PHOTOS,
        files=MATE + r"nature/(?P<name>[^/]+)\.jpg",
        written_as="mate_{name}",
        licences=debian_copyright(installed=MATE),
    ),
    *(
        Source(
            package=f"lomiri-wallpapers-{release}",
            folder=TRAIN_PHOTOS,
            files=LOMIRI + r"(?P<name>[^/]+)\.jpg",
            written_as="lomiri_{name}",
            licences=debian_copyright(installed=LOMIRI, upstream=f"{release}/"),
            without=LOMIRI_DRAWINGS,
        )
        for release in ("16.04", "20.04")
    ),
    Source(
        package="plasma-workspace-wallpapers",
        folder=TRAIN_PHOTOS,
        files=PLASMA + rf"(?P<name>{PLASMA_PHOTOS})/contents/images/2560x1600\.jpg",
        written_as="plasma_{name}",
        licences=kde_wallpaper,
    ),
    Source(
        package="gcompris-qt-data",
        folder=TRAIN_PHOTOS,
        files=GCOMPRIS + r"(?P<activity>explore_monuments)\.rcc:.*/(?P<name>[^/]+)\.webp",
        written_as="{activity}_{name}",
        licences=gcompris_readmes,
        limits=Limits(long_side=1024),
    ),
    Source(
        package="gcompris-qt-data",
        folder=TEST,
        files=GCOMPRIS
        + r"(?P<activity>erase|explore_farm_animals|explore_world_animals|explore_world_music)\.rcc:"
        + r".*/(?P<name>[^/]+)\.webp",
        written_as="{activity}_{name}",
        licences=gcompris_readmes,
        limits=Limits(long_side=1024),
    ),
    Source(
        package="ufoai-textures",
        folder=TRAIN_TEXTURES,
        files=re.escape(UFOAI) + r"textures/(?P<folder>[^/]+)/(?P<name>[^/]+)\.(jpg|png)",
        written_as="{folder}_{name}",
        licences=debian_copyright(installed=UFOAI, upstream="base/"),
        without="|".join((NO_TEXTURE_FOLDERS, NO_COLOUR_MAPS, NO_SURFACES)),
        limits=Limits(short_side=512, contrast=6),
    ),
)
PACKAGES = tuple(dict.fromkeys(source.package for source in SOURCES))
