"""What mypy is told of the compiled core. The truth is core.h."""

from typing import Any, Final

CData = Any

class _Ffi:
    NULL: Final[CData]
    def new(self, ctype: str, init: object = ...) -> CData: ...
    def cast(self, ctype: str, value: object) -> CData: ...
    def from_buffer(self, ctype: str, data: object, require_writable: bool = ...) -> CData: ...
    def addressof(self, thing: object, *names: str) -> CData: ...

class _Lib:
    def __getattr__(self, name: str) -> Any: ...

ffi: Final[_Ffi]
lib: Final[_Lib]
