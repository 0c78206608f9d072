"""Decides and composes: recommendations, plans, the HTTP service, the launcher, the command."""
