"""The error that building the corpus can end with."""

from lama_deploy.errors import LamaDeployError


class CorpusError(LamaDeployError):
    """A package, an archive in it or a picture that is missing, damaged or not what the table of sources expects."""
