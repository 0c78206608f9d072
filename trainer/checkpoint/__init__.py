"""Checkpoints: immutable blocks first, one root manifest last, nothing unpickled."""
