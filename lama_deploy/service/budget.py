"""Decoded pixels of all requests together: a bound that threads wait at, each no longer than its request may."""

from __future__ import annotations

from collections import deque
from threading import Condition
from time import monotonic

from lama_deploy.errors import LamaDeployError


class NoLongerWantedError(LamaDeployError):
    """The request is past its deadline, or nobody waits for it any more."""


class Budget:
    """At most `most` pixels, or one request's that are more. Who waits first comes first, however large."""

    def __init__(self, most: int) -> None:
        self._most, self.held = most, 0
        self._changed, self._line = Condition(), deque[Share]()

    def share(self, until: float) -> Share:
        """For one request. until: the `monotonic` time up to which it waits."""
        return Share(self, until)

    def take(self, share: Share, pixels: int) -> None:
        """Waits for room. Raises NoLongerWantedError."""
        with self._changed:
            self._line.append(share)
            try:
                while share.wanted and not (self._line[0] is share and self._has_room(pixels)):
                    self._changed.wait(max(0.0, share.until - monotonic()))
                if not share.wanted:
                    raise NoLongerWantedError("nobody waits for this picture any more")
                self.held += pixels
                share.pixels += pixels
            finally:
                self._line.remove(share)
                self._changed.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self.held or self.held + pixels <= self._most

    def give_back(self, share: Share) -> None:
        with self._changed:
            self.held -= share.pixels
            share.pixels = 0
            self._changed.notify_all()

    def drop(self, share: Share) -> None:
        """A thread that waits for it wakes up."""
        with self._changed:
            share.gone = True
            self._changed.notify_all()


class Share:
    """What one request holds, until its handler has ended and the last thread that works for it."""

    def __init__(self, budget: Budget, until: float) -> None:
        self._budget, self.until = budget, until
        self.pixels, self.gone, self._users = 0, False, 1
        self._lock = Condition()

    @property
    def wanted(self) -> bool:
        return not self.gone and monotonic() < self.until

    def take(self, pixels: int) -> None:
        """Waits for room. Raises NoLongerWantedError."""
        self._budget.take(self, pixels)

    def give_back(self) -> None:
        """All that it holds, before more is taken: who waits while holding could wait for ever."""
        self._budget.give_back(self)

    def used(self) -> None:
        """By one thread more."""
        with self._lock:
            self._users += 1

    def left(self) -> None:
        """By one of those that used it."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self._budget.give_back(self)

    def close(self) -> None:
        """The handler has ended: what still waits for this request gives up."""
        self._budget.drop(self)
        self.left()
