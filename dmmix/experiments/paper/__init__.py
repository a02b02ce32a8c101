"""The paper's hyper-parameters and its published numbers, each in one place.

Configs, sweeps and pages take them from here. They are those of arXiv 2203.10761v3, but where a row
says otherwise. ``python -m dmmix.experiments.paper.write`` writes again what is made from them: the
base files of mixes and objectives in ``configs/_base_``, and what pages have of them.
"""
