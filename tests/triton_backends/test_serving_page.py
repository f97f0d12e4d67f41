"""docs/serving.md: its manifests are what Kubernetes and KServe take, and its options are those of the commands."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from lama_deploy import cpp
from lama_deploy.cli import serve
from lama_export.cli import parser
from tests.kernel_build import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text()
CODE = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
MANIFESTS = [one for kind, text in CODE if kind == "yaml" for one in yaml.safe_load_all(text)]
KUBERNETES = [one for one in MANIFESTS if "kserve" not in one["apiVersion"]]
VERSION = "1.30"
# What KServe's own definition asks of the fields that the page has: github.com/kserve/kserve, InferenceService v1beta1.
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
MODEL = {
    "type": "object",
    "required": ["modelFormat"],
    "additionalProperties": False,
    "properties": {
        "modelFormat": {"type": "object", "required": ["name"], "properties": {"name": TEXT, "version": TEXT}},
        "protocolVersion": {"enum": ["v1", "v2", "grpc-v1", "grpc-v2"]},
        "runtime": TEXT,
        "runtimeVersion": TEXT,
        "storageUri": {"type": "string", "pattern": "^(pvc|s3|gs|https?|hdfs|hf)://"},
        "args": {"type": "array", "items": TEXT},
        "env": {"type": "array"},
        "resources": {"type": "object", "additionalProperties": {"type": "object"}},
    },
}
PREDICTOR = {
    "type": "object",
    "required": ["model"],
    "additionalProperties": False,
    "properties": {
        "minReplicas": COUNT,
        "maxReplicas": COUNT,
        "scaleMetric": {"enum": ["cpu", "memory", "concurrency", "rps"]},
        "scaleTarget": COUNT,
        "model": MODEL,
    },
}
INFERENCE_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {"type": "object", "required": ["predictor"], "properties": {"predictor": PREDICTOR}},
    },
}


def test_all_kinds_are_there() -> None:
    assert [one["kind"] for one in MANIFESTS] == [
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "InferenceService",
    ]  # fmt: skip


@pytest.mark.parametrize("manifest", KUBERNETES, ids=lambda one: one["kind"])
def test_kubernetes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_wrong_manifest_is_found() -> None:
    wrong = KUBERNETES[0] | {"spec": KUBERNETES[0]["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_kserve() -> None:
    jsonschema.validate(MANIFESTS[-1], INFERENCE_SERVICE)


def test_labels_and_names_meet() -> None:
    deployment, service, autoscaler, budget, _ = MANIFESTS
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels == budget["spec"]["selector"]["matchLabels"]
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_options_exist() -> None:
    known = {
        option
        for one in (parser(), cpp.parser(), serve.parser())
        for action in one._actions
        for option in action.option_strings
    }
    others = {"--model-repository", "--backend-config", "--exit-timeout-secs", "--server"}  # Triton's, the benchmark's
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", PAGE)) <= known | others


def test_links_lead_somewhere() -> None:
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in link]
    assert links and all((ROOT / "docs" / link).exists() for link in links)
