"""Configs: where they are, how they are read, overridden and looked through.

Nothing here imports torch or the OpenMMLab stack before it must: ``--help`` and most mistakes are
answered before that (docs/benchmarks/startup.md).
"""
