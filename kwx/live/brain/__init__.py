"""Thinking and deciding one minute, by the functions of training and backtest."""

from __future__ import annotations

from kwx.live.brain.brain import Brain
from kwx.live.brain.thought import Decided, Thought

__all__ = ["Brain", "Decided", "Thought"]
