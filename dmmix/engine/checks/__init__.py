"""What does not fit together in a run, said before anything is trained or tested."""

from dmmix.engine.checks.hook import RunChecksHook

__all__ = ["RunChecksHook"]
