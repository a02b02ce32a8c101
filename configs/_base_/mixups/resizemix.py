# alpha=1: scales are uniform, as in the paper of the method. (Nearly so in the code of the
# decoupled mixup paper, which draws a scale again where its alpha puts it outside of the range.)
mixup = dict(type="ResizeMix", alpha=1.0)
