# FlexMatch on images of your own, 96 x 96, of which few have labels, ResNet-18 from scratch:
# dmmix train own/flexmatch --data FOLDER (with a folder unlabelled), or --labels-per-class 10
_base_ = "./fixmatch.py"

model = dict(type="FlexMatch")
