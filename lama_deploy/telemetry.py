"""Engines that report to their makers are kept from it; `LAMA_DEPLOY_TELEMETRY=1` leaves them their own choice."""

from __future__ import annotations

import os
import sys

VARIABLE = "LAMA_DEPLOY_TELEMETRY"
# ONNX Runtime 1.32 writes an identifier and opens a database as soon as it is imported (seen), and listens to the
# first of these; sources from July 2026 on call it the second (microsoft/onnxruntime#29843).
ONNX_RUNTIME = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
# OpenVINO and NNCF send through it where it can be imported, and do without otherwise. It knows no variable of its own.
OPENVINO = "openvino_telemetry"


def switch_off() -> None:
    """For this process and those that it starts, from now on; what they have been told already stays as it is.

    Called when lama_deploy is imported: for ONNX Runtime the first session is too late, and so is its own switch.
    """
    if os.environ.get(VARIABLE) == "1":
        return
    for name in ONNX_RUNTIME:
        os.environ.setdefault(name, "1")
    sys.modules.setdefault(OPENVINO, None)  # type: ignore[arg-type]  # an import then fails, as documented
