"""Thin adapters: frameworks that write their own checkpoints, kept safe by ours."""
