"""Thin adapters: a session driven from the hooks of other people's training loops, each in its own extra."""
