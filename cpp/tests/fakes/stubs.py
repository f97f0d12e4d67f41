"""Writes classes that implement TensorRT's interfaces with functions that nobody should call, out of its own headers.

stubs.py <include folder> <output header>. The fake library overrides those functions that are called, so that it
compiles with every version of the headers, none of which is copied here.
"""

import re
import sys
from pathlib import Path

INTERFACES = {  # the class, and the header that has it
    "VRuntime": "NvInferImpl.h",
    "VCudaEngine": "NvInferImpl.h",
    "VExecutionContext": "NvInferImpl.h",
    "IPluginRegistry": "NvInferRuntimeCommon.h",
}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
PART = re.compile(r"^[ \t]*#[^\n]*|[^;{}#]*\bvirtual\b[^;{}#]*= 0;", re.MULTILINE)  # a directive, or a declaration
MACRO = re.compile(r"\b(TRT_DEPRECATED|TRT_NODISCARD|TRT_DEPRECATED_API|virtual)\b")


def stub_of(name: str, header: str) -> str:
    """A class that implements every pure virtual function of the interface."""
    body = re.search(rf"class {name}\b[^;{{]*{{(.*?)\n}};", COMMENT.sub("", header), re.DOTALL)
    if body is None:
        raise SystemExit(f"no class {name} in the header")
    functions = [_override(name, part) for part in PART.findall(body[1])]
    scope = "nvinfer1" if name.startswith("I") else "nvinfer1::apiv"
    lines = "\n".join(filter(None, functions))
    return f"class Stub{name} : public {scope}::{name} {{\n public:\n{lines}\n}};\n"


def _override(name: str, part: str) -> str:
    """Of a declaration; a directive is kept as it is."""
    if part.lstrip().startswith("#"):
        return part.strip()
    signature = " ".join(MACRO.sub(" ", part.split("public:")[-1]).split()).removesuffix("= 0;").strip()
    called = re.search(r"([\w~]+)\s*\(", signature)
    if called is None or called[1].startswith("~"):
        return ""
    return f'  {signature} override {{ unexpected("{name}::{called[1]}"); }}'


def main(include: str, output: str) -> None:
    parts = ["#pragma once\n#include <NvInferRuntime.h>\n\n[[noreturn]] void unexpected(const char *function);\n"]
    parts += ["using namespace nvinfer1;\n"]
    parts += [stub_of(name, (Path(include) / header).read_text("utf-8")) for name, header in INTERFACES.items()]
    Path(output).write_text("\n".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
