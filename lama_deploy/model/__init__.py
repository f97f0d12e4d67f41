"""LaMa's networks as plain torch modules. Needs torch."""

from lama_deploy.model.generator import Generator, build_generator
from lama_deploy.model.seeded import seeded_generator

__all__ = ["Generator", "build_generator", "seeded_generator"]
