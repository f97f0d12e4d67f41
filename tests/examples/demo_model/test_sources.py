"""The selection: which paths are taken, under which names, to which side; which pictures are good enough."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from pictures import Limits, contrast, read_picture
from sources import SOURCES

LAND = "usr/share/games/endless-sky/plugins/endless-sky-high-dpi/images/land"
RCC = "usr/share/gcompris-qt/rcc"
UFOAI = "usr/share/games/ufoai/base/0textures.pk3:textures"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (f"{LAND}/beach0@2x.jpg", ["train/photos/es_beach0"]),
        (f"{LAND}/../ship/hawk@2x.jpg", []),
        ("usr/share/backgrounds/mate/nature/Aqua.jpg", ["train/photos/mate_Aqua"]),
        ("usr/share/backgrounds/mate/abstract/Elephants.jpg", []),
        ("usr/share/wallpapers/Path/contents/images/2560x1600.jpg", ["train/photos/plasma_Path"]),
        ("usr/share/wallpapers/Path/contents/images/1280x800.jpg", []),
        ("usr/share/wallpapers/Volna/contents/images/2560x1600.jpg", []),
        (f"{RCC}/explore_monuments.rcc:a/france/eiffelTower.webp", ["train/photos/explore_monuments_eiffelTower"]),
        (f"{RCC}/erase.rcc:a/bee.webp", ["test/erase_bee"]),
        (f"{RCC}/explore_world_music.rcc:a/japan.webp", ["test/explore_world_music_japan"]),
        (f"{RCC}/erase_clic.rcc:a/bee.webp", []),
        (f"{RCC}/erase.rcc:a/square.svg", []),
        (f"{UFOAI}/tex_trak/brick1.png", ["train/textures/tex_trak_brick1"]),
        (f"{UFOAI}/tex_trak/brick1_nm.png", []),
        (f"{UFOAI}/tex_ufo/brick1.png", []),
        (f"{UFOAI}/tex_trak/glass1.png", []),
        (f"{UFOAI}/tex_trak/stripes.jpg", []),
    ],
)
def test_what_is_taken_and_where_it_goes(path: str, written: list[str]) -> None:
    assert [f"{source.folder}/{name}" for source in SOURCES if (name := source.name_of(path))] == written


def test_drawings_among_the_lomiri_wallpapers_stay() -> None:
    (source,) = (source for source in SOURCES if source.package == "lomiri-wallpapers-20.04")
    assert source.name_of("usr/share/backgrounds/Kleiber_by_X.jpg") == "lomiri_Kleiber_by_X"
    assert source.name_of("usr/share/backgrounds/Painting-Colors_by_X.jpg") is None


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        (Limits(), True),
        (Limits(long_side=60, short_side=40), True),
        (Limits(long_side=61), False),
        (Limits(short_side=41), False),
        (Limits(contrast=60), True),
        (Limits(contrast=90), False),
    ],
)
def test_limits(picture: Callable[..., bytes], limits: Limits, allowed: bool) -> None:
    assert (read_picture(picture((60, 40), "PNG"), limits, "a.png") is not None) == allowed


def test_grain_is_no_contrast() -> None:
    noise = Image.effect_noise((1024, 1024), 40)
    assert contrast(noise) < 6 < contrast(Image.linear_gradient("L"))


@pytest.mark.parametrize(("alpha", "taken"), [(255, True), (250, True), (249, False)])
def test_transparent_pictures_are_not_taken(alpha: int, taken: bool) -> None:
    image = Image.new("RGBA", (4, 4), (1, 2, 3, 255))
    image.putpixel((0, 0), (1, 2, 3, alpha))
    image.save(stream := BytesIO(), "PNG")
    assert (read_picture(stream.getvalue(), Limits(), "a.png") is not None) == taken
