"""A property that is computed once. functools.cached_property of Python 3.11 takes a lock each time, which doubled the
time of judging a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - a decorator, written as functools writes its own
    """Computed when first read, then kept in the instance's `__dict__`; for instances that never change."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: object = None) -> once[T]: ...

    @overload
    def __get__(self, instance: object, owner: object = None) -> T: ...

    def __get__(self, instance: object | None, owner: object = None) -> once[T] | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
