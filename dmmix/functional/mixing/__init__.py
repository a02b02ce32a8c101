"""Mixes as functions: deterministic, what is random (share, pairing, place) is an argument."""

from dmmix.functional.mixing.alignmix import align_features, sinkhorn_assignment
from dmmix.functional.mixing.attentivemix import attentivemix
from dmmix.functional.mixing.comixup import comixup, draw_comixup
from dmmix.functional.mixing.cutmix import cutmix
from dmmix.functional.mixing.draws import draw_centers, draw_lam, draw_pairing
from dmmix.functional.mixing.fmix import draw_noise, fmix
from dmmix.functional.mixing.gmix import gmix
from dmmix.functional.mixing.gridmix import draw_cells, gridmix
from dmmix.functional.mixing.guidedmixup import greedy_pairing, guidedmixup, smooth_saliency
from dmmix.functional.mixing.hmix import hmix
from dmmix.functional.mixing.manifold import mix_features, mix_later
from dmmix.functional.mixing.mixed import Inside, Mixed, Watched, unmixed
from dmmix.functional.mixing.mixup import mixup
from dmmix.functional.mixing.puzzlemix import puzzlemix
from dmmix.functional.mixing.regmixup import regmixup
from dmmix.functional.mixing.resizemix import resizemix
from dmmix.functional.mixing.saliencymix import saliencymix
from dmmix.functional.mixing.smoothmix import draw_sigma, smoothmix
from dmmix.functional.mixing.snapmix import main_class, snapmix
from dmmix.functional.mixing.transmix import attention_share, token_grid

__all__ = [
    "Inside",
    "Mixed",
    "Watched",
    "align_features",
    "attention_share",
    "attentivemix",
    "comixup",
    "cutmix",
    "draw_cells",
    "draw_centers",
    "draw_comixup",
    "draw_lam",
    "draw_noise",
    "draw_pairing",
    "draw_sigma",
    "fmix",
    "gmix",
    "greedy_pairing",
    "gridmix",
    "guidedmixup",
    "hmix",
    "main_class",
    "mix_features",
    "mix_later",
    "mixup",
    "puzzlemix",
    "regmixup",
    "resizemix",
    "saliencymix",
    "sinkhorn_assignment",
    "smooth_saliency",
    "smoothmix",
    "snapmix",
    "token_grid",
    "unmixed",
]
