"""Token files, mapped into memory: a folder of `.bin` files of little-endian numbers, and an index of them.

A sample is `context` tokens and the one after them, so that each token is predicted once; samples overlap
by that one token and never reach from one file into the next. Only the pages of samples that are asked
for are read, whatever the size of the folder, and few files are open at once.

`python -m trainer.tokens make DIR FILE…` turns text into such a folder, one token per byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import TrainerError
from .fields import AtLeast, Count, parse_json, read, to_dict

INDEX = "tokens.json"
OPEN_FILES = 32
MOST_INDEX_BYTES = 64 << 20
FILE_TOKENS = 1 << 28  # 512 MiB of uint16.


class DataError(TrainerError):
    """Token data that is absent, damaged, or too little to train on."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile:
    """One file of the folder."""

    name: str
    tokens: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIndex:
    """What `tokens.json` says. The order of the files is part of the data."""

    schema_version: Literal[1] = 1
    dtype: Literal["uint16", "uint32"]
    vocabulary: Annotated[int, AtLeast(2)]  # Every token is below this.
    files: tuple[TokenFile, ...]

    @property
    def tokens(self) -> int:
        """All tokens of the folder."""
        return sum(file.tokens for file in self.files)

    @property
    def sha256(self) -> str:
        """The data's name, which a checkpoint remembers."""
        return hashlib.sha256(json.dumps(to_dict(self), sort_keys=True).encode()).hexdigest()


def read_index(folder: Path | str) -> TokenIndex:
    """Read a folder's index, and see that its files are there and as long as it says.

    Raises:
        DataError: They are not, or the index is not one.
    """
    path = Path(folder) / INDEX
    try:
        raw = path.read_bytes()
    except OSError as trouble:
        reason = trouble.strerror or trouble
        raise DataError(
            f"Token data {path} cannot be read: {reason}.",
            fix=f"Name a folder that holds {INDEX}; python -m trainer.tokens make DIR FILE… writes one.",
        ) from None
    value = parse_json(raw, str(path), DataError, most_bytes=MOST_INDEX_BYTES)
    index = read(TokenIndex, value, "tokens", DataError)
    for file in index.files:
        _refuse_other_length(Path(folder) / file.name, file.tokens * np.dtype(index.dtype).itemsize)
    return index


def _refuse_other_length(path: Path, expected: int) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != expected:
        raise DataError(
            f"{path} is {'absent' if size is None else f'{size} bytes'}; its index says {expected} bytes.",
            fix="Copy the folder again, whole.",
        )


class TokenSamples:
    """The samples of a folder, by number from 0.

    T = context + 1 tokens, as inputs and targets overlap; B = samples asked for.

    Raises:
        DataError: As `read_index`, or no file is long enough for one sample.
    """

    def __init__(self, folder: Path | str, context: int) -> None:
        self._folder, self._context = Path(folder), context
        self.index = read_index(folder)
        self._ends = list(accumulate(max(0, file.tokens - 1) // context for file in self.index.files))
        self._map = lru_cache(OPEN_FILES)(self._map_file)
        if not len(self):
            raise DataError(
                f"{folder} holds {self.index.tokens} tokens; a sample takes {context + 1} of one file.",
                fix="Bring more data, or train a model of less context.",
            )

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, samples: Iterable[int]) -> NDArray[np.int64]:
        """Return the tokens of these samples, shape (B, T).

        Raises:
            DataError: A token is outside the vocabulary.
        """
        tokens_BT = np.stack([self._sample(int(sample)) for sample in samples]).astype(np.int64)
        if tokens_BT.max() >= self.index.vocabulary:
            raise DataError(
                f"Token {tokens_BT.max()} stands in {self._folder}, of vocabulary {self.index.vocabulary}.",
                fix=f"Write the data again, or correct the vocabulary in {INDEX}.",
            )
        return tokens_BT

    def _sample(self, sample: int) -> NDArray[Any]:
        if not 0 <= sample < len(self):
            raise IndexError(f"sample {sample} of {len(self)}")
        file = bisect_right(self._ends, sample)
        first = (sample - (self._ends[file - 1] if file else 0)) * self._context
        return self._map(file)[first : first + self._context + 1]

    def _map_file(self, file: int) -> NDArray[Any]:
        dtype = np.dtype(self.index.dtype).newbyteorder("<")
        return np.memmap(self._folder / self.index.files[file].name, dtype=dtype, mode="r")


def write_tokens(
    folder: Path | str,
    pieces: Iterable[NDArray[Any]],
    *,
    vocabulary: int,
    file_tokens: int = FILE_TOKENS,
) -> TokenIndex:
    """Write a folder of token data, the index last: until then there is none. Return the index.

    Args:
        pieces: Tokens in order, in arrays of any length; each is cut at `file_tokens`.

    Raises:
        DataError: A token is outside the vocabulary, or there is none at all.
        FileExistsError: The folder holds token data already.
    """
    root = Path(folder)
    if (root / INDEX).exists():
        raise FileExistsError(f"{root / INDEX} exists")
    root.mkdir(parents=True, exist_ok=True)
    dtype: Literal["uint16", "uint32"] = "uint16" if vocabulary <= 1 << 16 else "uint32"
    files = []
    for number, tokens in enumerate(_cut(pieces, file_tokens)):
        if tokens.min() < 0 or tokens.max() >= vocabulary:
            raise DataError(f"Token {tokens.max()} is not below {vocabulary}.", fix="Raise the vocabulary.")
        name = f"{number:06d}.bin"
        tokens.astype(np.dtype(dtype).newbyteorder("<")).tofile(root / name)
        files.append(TokenFile(name=name, tokens=len(tokens)))
    if not files:
        raise DataError("There is not one token to write.", fix="Name files that hold text.")
    index = TokenIndex(dtype=dtype, vocabulary=vocabulary, files=tuple(files))
    (root / f"{INDEX}.tmp").write_text(json.dumps(to_dict(index), indent=2) + "\n")
    (root / f"{INDEX}.tmp").replace(root / INDEX)
    return index


def _cut(pieces: Iterable[NDArray[Any]], size: int) -> Iterator[NDArray[Any]]:
    held: list[NDArray[Any]] = []
    for piece in pieces:
        held.append(piece)
        while sum(map(len, held)) >= size:
            whole = np.concatenate(held)
            yield whole[:size]
            held = [whole[size:]]
    if sum(map(len, held)):
        yield np.concatenate(held)


def text_tokens(paths: Iterable[Path | str]) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of text files, a megabyte at a time."""
    for path in paths:
        with open(path, "rb") as file:
            while raw := file.read(1 << 20):
                yield np.frombuffer(raw, dtype=np.uint8)


def main(argv: list[str] | None = None) -> int:
    """Run `python -m trainer.tokens` and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer.tokens", description="Make and see token data.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("make", help="turn text files into token data, one token per byte")
    make.add_argument("folder", metavar="DIR")
    make.add_argument("files", nargs="+", metavar="FILE")
    show = verbs.add_parser("show", help="say what a folder holds")
    show.add_argument("folder", metavar="DIR")
    arguments = parser.parse_args(argv)
    try:
        if arguments.verb == "make":
            write_tokens(arguments.folder, text_tokens(arguments.files), vocabulary=256)
        index = read_index(arguments.folder)
    except (TrainerError, OSError) as trouble:
        print(f"trainer.tokens: {trouble}", file=sys.stderr)
        return getattr(trouble, "exit_code", 4)
    print(f"{index.tokens} tokens of {index.vocabulary} in {len(index.files)} files of {index.dtype}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
