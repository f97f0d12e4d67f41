"""IOPaint's names of strategies, for its API and for its plug-in; nothing of a server is needed for it."""

from __future__ import annotations

from typing import Any

from lama_deploy.runtime.strategies.options import StrategyOptions


def strategy_of(config: Any, longer: int) -> StrategyOptions:
    """IOPaint's names of ours. config: with IOPaint's `hd_strategy...`. longer: side of the picture, in pixels."""
    asked = str(getattr(config.hd_strategy, "value", config.hd_strategy))
    if asked == "Resize":
        return StrategyOptions(strategy="resize", limit=config.hd_strategy_resize_limit)
    if asked == "Crop" and longer > config.hd_strategy_crop_trigger_size:
        return StrategyOptions(strategy="crop", margin=config.hd_strategy_crop_margin)
    return StrategyOptions(strategy="whole")
