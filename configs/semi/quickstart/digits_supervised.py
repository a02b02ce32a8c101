# The labelled digits alone, for as many updates: what the others are compared with.
_base_ = "./digits_fixmatch.py"

model = dict(type="Supervised")
