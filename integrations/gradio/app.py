"""A page to paint a hole on, as a Space shows it: `python app.py [MODEL]` (default: LAMA_BUNDLE, else lama-demo)."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy import ImageError, Inpainter, LamaDeployError
from lama_deploy.images.inputs import given_image, mask_of
from lama_deploy.images.mask_options import MaskOptions


def fill(inpaint: Inpainter, editor: dict[str, Any] | None, grow: int) -> tuple[Image.Image, str]:
    """The picture with its hole filled, and what there is to say of it, a line each. Raises LamaDeployError.

    editor: as gr.ImageEditor gives it with type="pil"; whatever is painted in a layer, in any colour, is hole.
    """
    background = editor["background"] if editor else None
    if background is None:
        raise ImageError("there is no picture; open one, and paint over what is to vanish")
    notes: list[str] = []
    given = given_image(background, notes.append)
    painted = [np.asarray(layer.convert("RGBA"))[..., 3] for layer in editor["layers"]]
    mask = np.max(painted, axis=0) if painted else np.zeros(given.size, np.uint8)
    holes = mask_of(mask, given, MaskOptions(grow=int(grow)), notes.append)
    told = [f"model given {inpaint.plan(holes[0]).windows}"] if holes.any() else []
    return given.restore(inpaint.run(given.pixels, holes), holes), "\n".join(told + notes)


def page(inpaint: Inpainter) -> Any:
    """The gr.Blocks; one picture is computed at a time, the others wait."""
    import gradio as gr

    def fill_or_say(editor: dict[str, Any] | None, grow: int) -> tuple[Image.Image, str]:
        try:
            return fill(inpaint, editor, grow)
        except LamaDeployError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Blocks(title="LaMa", analytics_enabled=False) as blocks:
        with gr.Row():
            editor = gr.ImageEditor(
                type="pil", format="png", layers=False, transforms=(), sources=("upload", "clipboard"), label="Paint"
            )
            result = gr.Image(type="pil", format="png", image_mode="RGBA", label="Result")
        grow = gr.Slider(0, 100, 0, step=1, label="Grow the hole by so many pixels")
        told = gr.Textbox(label="How", interactive=False)
        button = gr.Button("Fill", variant="primary")
        button.click(fill_or_say, [editor, grow], [result, told], api_name="fill", concurrency_limit=1)
    return blocks


def main(arguments: list[str]) -> int:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        inpaint = Inpainter.load(arguments[0] if arguments else os.environ.get("LAMA_BUNDLE", "lama-demo"))
    except LamaDeployError as error:
        print(error, file=sys.stderr)
        return 2
    page(inpaint).launch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
