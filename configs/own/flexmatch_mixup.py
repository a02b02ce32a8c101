# FlexMatch on images of your own, labelled images mixed with unlabelled ones under the mixup cross
# entropy.
_base_ = ["./flexmatch.py", "../_base_/mixups/mixup.py", "../_base_/objectives/mce.py"]

model = dict(stream_mix=dict(mixup={{_base_.mixup}}, loss={{_base_.objective}}))
