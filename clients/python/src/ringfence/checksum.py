"""CRC-32C: with the C extension if it was built, else in Python."""

from __future__ import annotations

from typing import Callable


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        total = byte
        for _ in range(8):
            total = (total >> 1) ^ (0x82F63B78 if total & 1 else 0)
        table.append(total)
    return tuple(table)


_TABLE = _make_table()


def crc32c_in_python(data: bytes | bytearray | memoryview) -> int:
    """The CRC-32C of ``data``, one byte at a time."""
    table, total = _TABLE, 0xFFFFFFFF
    for byte in bytes(data):
        total = (total >> 8) ^ table[(total ^ byte) & 0xFF]
    return total ^ 0xFFFFFFFF


crc32c: Callable[[bytes | bytearray | memoryview], int]
try:
    from ._crc32c import crc32c  # type: ignore[import-not-found, no-redef]
except ImportError:
    crc32c = crc32c_in_python
