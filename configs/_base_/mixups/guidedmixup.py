# Its paper draws no share, so there is no alpha; saliency=dict(type='SpectralResidualSaliency')
# asks no model.
# Written by python -m dmmix.experiments.paper.write: change the table there, not this file.
mixup = dict(type="GuidedMixup")
