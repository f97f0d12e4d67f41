"""What TensorRT says, by whom it is heard, and that nobody hears what was said to somebody else."""

import gc
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lama_deploy.tensorrt.engine as engine_module
from lama_deploy.errors import EngineError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from lama_deploy.tensorrt.log import Sayings, log_of
from tests.lama_deploy.tensorrt.emulated_machine import Machine
from tests.lama_deploy.tensorrt.emulated_tensorrt import Logger


def test_the_first_engines_logger_outlives_it(machine: Machine) -> None:
    """TensorRT goes on with the first one: a registry that is touched after it was freed ends the process."""
    first = machine.open()
    second = TensorRtBackend(machine.folder / "bundle" / "model.engine")
    del first
    gc.collect()
    machine.trt.get_plugin_registry().get_creator("SpectralConv", "1", "")
    second.run(*scene(16, 16))
    assert not machine.trt.faults
    assert len({id(logger()) for logger in machine.trt.loggers}) == 1


@pytest.mark.trt
def test_the_registry_of_tensorrt_rtx_itself_speaks_after_a_runtime_is_gone() -> None:
    """In a process of its own, which a logger for each runtime ends: the library goes on with the first one's."""
    code = """
import gc
import tensorrt_rtx as trt
from lama_deploy.tensorrt.log import log_of
first, second = (trt.Runtime(log_of(trt)) for _ in range(2))
del first
gc.collect()
with log_of(trt).listening() as said:
    assert trt.get_plugin_registry().get_creator("Nothing", "1", "") is None
print(said.first_error())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Cannot find plugin: Nothing" in done.stdout, done.stderr


def test_an_error_that_failed_nothing_is_not_the_cause_of_the_next_failure(machine: Machine) -> None:
    backend = machine.open()
    machine.trt.get_plugin_registry().get_creator("SpectralConv", "1", "")
    machine.engine.most_contexts = 0
    with pytest.raises(EngineError, match=r"tensorrt does not make a context: no more contexts$"):
        backend.run(*scene(16, 16))


def test_an_error_before_is_not_why_an_engine_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that a plugin is not there yet, which is why it is loaded."""
    machine.open()
    asked = lambda *_: machine.trt.get_plugin_registry().get_creator("SpectralConv", "1", "")  # noqa: E731
    monkeypatch.setattr(engine_module, "_register_plugins", asked)
    engine = machine.folder / "bundle" / "model.engine"
    engine.write_text(engine.read_text().replace("{", '{"gpu": "another", ', 1))
    with pytest.raises(EngineError, match=r"refuses it \(The engine plan file was built on another GPU\)"):
        TensorRtBackend(engine, check=False)


def test_warnings_reach_logging_once(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.open().run(*scene(16, 16))
    bundle = machine.folder / "bundle"
    text = (bundle / "model.engine").read_text()
    (bundle / "model.engine").write_text(text.replace("{", '{"warnings": ["Using an engine plan\\nmore"], ', 1))
    for _ in range(2):
        TensorRtBackend(bundle / "model.engine", check=False)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("lama_deploy.tensorrt.log", logging.WARNING)
    assert record.getMessage() == "TensorRT: Using an engine plan"


@pytest.fixture
def logger(machine: Machine) -> Any:
    return log_of(machine.trt)


def test_threads_hear_what_is_said_to_them(logger: Any) -> None:
    """Another thread that listens is one that TensorRT is called on; one that does not is TensorRT's own."""

    def listen_and_hear() -> list[str]:
        with logger.listening() as said:
            logger.log(Logger.ERROR, "to the other")
        errors: list[str] = said.errors
        return errors

    with ThreadPoolExecutor(1) as other, logger.listening() as said:
        assert other.submit(listen_and_hear).result() == ["to the other"]
        assert not said.errors
        other.submit(logger.log, Logger.ERROR, "out of a thread of TensorRT's\nmore").result()
        logger.log(Logger.ERROR, "later")
    assert said.first_error() == "out of a thread of TensorRT's"
    assert said.first_error() == "it does not say why"


def test_an_error_that_nobody_listens_to_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Sayings().hear(logging.ERROR, "lost\nmore")
    assert [record.getMessage() for record in caplog.records] == ["TensorRT: lost"]


def test_messages_are_kept_by_their_beginnings(logger: Any) -> None:
    for severity in (Logger.INFO, Logger.VERBOSE):
        logger.log(severity, "Layers: before")
    with logger.listening(kept=("Layers:",)) as said:
        logger.log(Logger.VERBOSE, "Layers: some")
        logger.log(Logger.VERBOSE, "other")
        logger.log(Logger.WARNING, "Layers: of a warning")
        with logger.listening() as inner:
            logger.log(Logger.INFO, "Layers: more")
    assert said.messages == ["Layers: some", "Layers: more"] and said.warnings == ["Layers: of a warning"]
    assert not inner.messages and not logger.sayings.keeps


def test_what_is_kept_has_an_end(logger: Any) -> None:
    with logger.listening() as said:
        for index in range(1000):
            logger.log(Logger.ERROR, str(index))
    assert len(said.errors) == 100 and said.first_error() == "0"


def test_what_a_thread_hears_between_its_calls_is_nobodys(
    machine: Machine, logger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one that TensorRT is called on: such as that a plugin is not registered yet."""

    def open_and_hear() -> None:
        log_of(machine.trt).log(Logger.ERROR, "Cannot find plugin")

    with ThreadPoolExecutor(1) as other, logger.listening() as said:
        other.submit(open_and_hear).result()
    assert not said.errors and not caplog.records


def test_a_thread_that_ends_leaves_nothing_behind(logger: Any) -> None:
    """As in a service that opens each engine in a thread of its own, or one that exports."""

    def listen() -> None:
        with logger.listening(("Layers:",)):
            assert logger.sayings.keeps

    with ThreadPoolExecutor(1) as other:
        other.submit(listen).result()
    assert not logger.sayings.keeps and not [one for one in logger.sayings._all if one()]
