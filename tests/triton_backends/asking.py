"""Requests by NVIDIA's own clients."""

from __future__ import annotations

from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from lama_deploy.arrays import Array
from tests.triton_backends.server import Server

MODULES: dict[str, Any] = {"http": tritonclient.http, "grpc": tritonclient.grpc}
INVALID = {"http": "400", "grpc": "StatusCode.INVALID_ARGUMENT"}


class Client:
    """protocol: "http" or "grpc". For one thread."""

    def __init__(self, server: Server, protocol: str) -> None:
        self.module = MODULES[protocol]
        self.raw = self.module.InferenceServerClient(getattr(server, protocol))
        self._invalid = INVALID[protocol]

    def ask(self, model: str, image: Array, mask: Array, **options: Any) -> Array:
        inputs = [self.input("image", image), self.input("mask", mask)]
        return self.raw.infer(model, inputs, **options).as_numpy("result")

    def input(self, name: str, values: Array) -> Any:
        tensor = self.module.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(np.ascontiguousarray(values))
        return tensor

    def refused(self, model: str, image: Array, mask: Array) -> str:
        """The line; it must be the request's fault."""
        try:
            self.ask(model, image, mask)
        except InferenceServerException as error:
            assert error.status() == self._invalid, error
            return str(error.message())
        raise AssertionError("it was taken")

    def close(self) -> None:
        self.raw.close()
