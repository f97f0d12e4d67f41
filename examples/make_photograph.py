"""Write the demonstration's photograph and mask: `python examples/make_photograph.py OUT_DIR`.

The photograph is scikit-image's "coffee" (Rachel Michetti, CC0), which ships inside that package; the mask covers
the spoon.
"""

import sys
from pathlib import Path

import skimage.data
from PIL import Image, ImageDraw


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    photograph = Image.fromarray(skimage.data.coffee())
    photograph.save(out / "photograph.png")
    mask = Image.new("L", photograph.size)
    ImageDraw.Draw(mask).ellipse((310, 220, 420, 340), fill=255)
    mask.save(out / "photograph_mask.png")


if __name__ == "__main__":
    main()
