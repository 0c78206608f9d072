"""One view answers one question for one person."""
