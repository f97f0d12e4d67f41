"""Asks the app in integrations/gradio as a browser would, behind a server: BUNDLE BACKGROUND LAYER RESULT."""

import json
import shutil
import socket
import sys
import threading

import app
import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio_client import Client, handle_file

from lama_deploy import Inpainter


def main() -> None:
    bundle, background, layer, result = sys.argv[1:]
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        served = gr.mount_gradio_app(FastAPI(), app.page(Inpainter.load(bundle, device="cpu")), path="/")
        server = uvicorn.Server(uvicorn.Config(served, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            client = Client(f"http://127.0.0.1:{bound.getsockname()[1]}/", verbose=False)
            editor = {"background": handle_file(background), "layers": [handle_file(layer)], "composite": None}
            found, told = client.predict(editor, 0, api_name="/fill")
            shutil.copy(found if isinstance(found, str) else found["path"], result)
            print(json.dumps({"told": told, "error": refused(client)}))
        finally:
            server.should_exit = True
            thread.join()


def refused(client: Client) -> str:
    try:
        client.predict({"background": None, "layers": [], "composite": None}, 0, api_name="/fill")
    except Exception as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
