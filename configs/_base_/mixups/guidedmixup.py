# The paper draws no share, so there is no alpha; saliency="spectral_residual" asks no model.
mixup = dict(type="GuidedMixup", saliency="gradient")
