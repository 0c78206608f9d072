"""Trainings under a plan, each a script: `LOWTIDE_PLAN=plan.json python -m trainer.examples.plain_loop`."""
