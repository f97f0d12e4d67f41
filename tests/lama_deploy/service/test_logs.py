"""The log: lines that programs read, or people."""

import io
import json
import logging

from lama_deploy.cli.notes import logged_as_notes, notes_told_by
from lama_deploy.service.logs import Log

FACTS = {"id": "7", "method": "GET", "route": "/livez", "status": 200, "seconds": 0.25}


def test_json() -> None:
    stream = io.StringIO()
    log = Log("json", stream)
    log.request(FACTS)
    log.event("stopping", unfinished=2)
    with logged_as_notes(), notes_told_by(log.note):
        logging.getLogger("lama_deploy.runtime").warning("the engine\ntakes %d", 1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(line.pop("time").endswith("+00:00") for line in lines)
    assert lines == [
        {"event": "request", **FACTS},
        {"event": "stopping", "unfinished": 2},
        {"event": "note", "text": "the engine\\ntakes 1"},
    ]


def test_text() -> None:
    stream = io.StringIO()
    log = Log("text", stream)
    log.request(FACTS)
    log.note("odd")
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" GET /livez 200 id=7 seconds=0.250")
    assert second.endswith(" note: odd")


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Log("json", stream).request(FACTS)
