"""What the package logs is said by commands in lines that begin with "note: "."""

import logging

from lama_deploy.cli.common import command


def test_warnings_are_notes_while_a_command_runs(capsys):
    log = logging.getLogger("lama_deploy.somewhere")

    @command("torch")
    def main() -> int:
        log.warning("took %s,\nnot %s", "one", "two")
        log.info("of no matter")
        return 0

    assert main() == 0
    assert capsys.readouterr().err == "note: took one,\\nnot two\n"
    assert not logging.getLogger("lama_deploy").handlers
