"""The effects of this process's commands on the cache, in pure Python: the reference for the compiled ``_ceffects``.

A command that may write has an *effect*: before its Deferred fires, each of its arguments that is the name of a kept or
fetched key is dropped. While MULTI is open the effects are collected, and are those of EXEC.

This module must not know how anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .writes import Touching, commands_in, touching

__all__ = ["Effect", "Effects"]


class Effect:
    """The keys that some commands may have changed. Called before their Deferred fires."""

    __slots__ = ("_apply", "_touch", "everything", "names", "scripts")

    def __init__(self, apply: Callable[[Effect], object], touch: Callable[[list[bytes | None]], object]) -> None:
        """Make one of no commands.

        :param apply: called with this object; must not raise.
        :param touch: called with the names instead where these are all; must not raise.
        """
        self.names: list[bytes | None] = []
        self.scripts = False
        self.everything = False
        self._apply = apply
        self._touch = touch

    def __call__(self) -> None:
        """Drop the entries of keys that may have changed."""
        if self.scripts or self.everything:
            self._apply(self)
        else:
            self._touch(self.names)

    def add(self, kind: Touching, command: Sequence[bytes | None]) -> None:
        """Add the keys that a command may change."""
        if kind is Touching.EVERYTHING:
            self.everything = True
        elif kind is not Touching.NOTHING:
            self.names += command[1:]
            self.scripts = self.scripts or kind is Touching.SCRIPT

    def add_all(self, other: Effect) -> None:
        """Add the keys of another effect."""
        self.names += other.names
        self.scripts = self.scripts or other.scripts
        self.everything = self.everything or other.everything


class Effects:
    """The effects of the commands of one connection, in their order: the value of ``RequestQueue.effects``."""

    def __init__(self, apply: Callable[[Effect], object], touch: Callable[[list[bytes | None]], object]) -> None:
        """Make one; see :class:`Effect`."""
        self._apply = apply
        self._touch = touch
        #: The effect of the commands of the open MULTI; None: it is not open.
        self._multi: Effect | None = None

    def __call__(self, data: bytes) -> Effect | None:
        """Return the effect of the commands that are about to be sent; None if they have none."""
        effect: Effect | None = None
        for command in commands_in(data):
            kind = touching(command)
            if kind is Touching.NOTHING:
                continue
            if kind is Touching.MULTI:
                self._multi = self._multi or Effect(self._apply, self._touch)
            elif kind is Touching.DISCARD:
                self._multi = None
            elif kind is Touching.EXEC:
                if self._multi is not None:
                    effect = effect or Effect(self._apply, self._touch)
                    effect.add_all(self._multi)
                    self._multi = None
            elif self._multi is not None:
                self._multi.add(kind, command)
            else:
                effect = effect or Effect(self._apply, self._touch)
                effect.add(kind, command)
        return effect
