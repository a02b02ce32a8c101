"""The paper's hyper-parameters and its published numbers, each in one place.

Configs, sweeps and pages take them from here. They are those of arXiv 2203.10761v3, but where a row
says otherwise.
"""
