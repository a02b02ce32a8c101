"""Digits, ten labels a class: two mixes, two losses, three seeds; about two minutes.

A demonstration: a hundred labels do not decide which loss is better.
"""

recipes = {"digits": "quickstart/digits_vanilla.py"}
axes = dict(mixup=["mixup", "cutmix"], objective=["mce", "dm_ce"], seed=[0, 1, 2])
overrides = dict(train_cfg=dict(max_epochs=30), param_scheduler=dict(T_max=30))
baseline = dict(objective="mce")
