"""How a block is stored: as it is, or made smaller without losing a bit.

    raw   the bytes
    s2z   shuffled by the bytes of 2-byte numbers, then zstd-1; s4z the same for 4-byte numbers
    d2z   the distance of each bf16 from the keyframe's, in steps between neighbouring numbers, then as s2z

The high bytes of neighbouring weights are alike and the low ones are noise; side by side they compress.
Ten steps of training move a bf16 weight by none or a few of its smallest steps, so the distance from a
keyframe is mostly zero. On fp32 moments neither pays much: 1.2 was measured, so that full saves are raw
unless store or uplink are slower than the codec (`choosing`). numpy and zstandard are loaded when first
used: a plain save needs neither.
"""

from __future__ import annotations

from typing import Any, Literal

Codec = Literal["raw", "s2z", "s4z", "d2z"]
CODECS: tuple[Codec, ...] = ("raw", "s2z", "s4z", "d2z")
LEVEL = 1  # zstd-3 was rarely better on shuffled bytes.


class BadCode(Exception):
    """Stored bytes that do not decode to a block of the stated size."""


def encode(codec: Codec, plain: memoryview, base: memoryview | None = None) -> bytes | memoryview:
    """Return the stored form of a block; `base` is the keyframe's block, for `d2z` alone."""
    if codec == "raw":
        return plain
    import numpy as np

    if codec == "s4z":
        return _pack(np.frombuffer(plain, dtype=np.uint8), 4)
    values = np.frombuffer(plain, dtype=np.uint16)
    if codec == "d2z":
        values = _zigzag(_ordered(values) - _ordered(_base(base, len(plain))))
    return _pack(values.view(np.uint8), 2)


def decode_into(codec: Codec, stored: memoryview, buffer: memoryview, base: memoryview | None = None) -> None:
    """Write the plain block into `buffer`, which has its size.

    Raises:
        BadCode: The stored bytes are not the code of a block of that size.
    """
    if codec == "raw":
        if len(stored) != len(buffer):
            raise BadCode(f"{len(stored)} bytes are stored for a block of {len(buffer)}")
        buffer[:] = stored
        return
    import numpy as np

    width = 4 if codec == "s4z" else 2
    bytes_ = _unpack(stored, len(buffer), width)
    if codec == "d2z":
        distance = _unzigzag(bytes_.view(np.uint16))
        bytes_ = _unordered(distance + _ordered(_base(base, len(buffer)))).view(np.uint8)
    np.frombuffer(buffer, dtype=np.uint8)[:] = bytes_


def _pack(bytes_: Any, width: int) -> bytes:
    import numpy as np
    import zstandard

    whole = len(bytes_) // width * width
    planes = np.ascontiguousarray(bytes_[:whole].reshape(-1, width).T)
    return zstandard.ZstdCompressor(level=LEVEL).compress(planes.tobytes() + bytes_[whole:].tobytes())


def _unpack(stored: memoryview, size: int, width: int) -> Any:
    import numpy as np
    import zstandard

    try:
        raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=size)
    except zstandard.ZstdError as trouble:
        raise BadCode(str(trouble)) from None
    if len(raw) != size:
        raise BadCode(f"{len(raw)} bytes come out for a block of {size}")
    whole = size // width * width
    planes = np.frombuffer(raw, dtype=np.uint8)
    numbers = np.ascontiguousarray(planes[:whole].reshape(width, -1).T).reshape(-1)
    return np.concatenate([numbers, planes[whole:]])


def _base(base: memoryview | None, size: int) -> Any:
    import numpy as np

    if base is None or len(base) != size:
        raise BadCode("the keyframe's block is absent or of another size")
    return np.frombuffer(base, dtype=np.uint16)


def _ordered(bits: Any) -> Any:
    """Return bf16 bit patterns as numbers whose order is the order of the values."""
    import numpy as np

    return np.where(bits & 0x8000, ~bits, bits | 0x8000).astype(np.uint16)


def _unordered(ordered: Any) -> Any:
    import numpy as np

    return np.where(ordered & 0x8000, ordered & 0x7FFF, ~ordered).astype(np.uint16)


def _zigzag(distance: Any) -> Any:
    """Return small distances of either sign as small numbers."""
    import numpy as np

    signed = distance.view(np.int16)
    return ((signed << 1) ^ (signed >> 15)).view(np.uint16)


def _unzigzag(code: Any) -> Any:
    return (code >> 1) ^ (-(code & 1)).astype(code.dtype)
