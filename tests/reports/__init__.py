"""What was wrong in the trackers of others, and could have been ours: a test for each report.

Of these, laws and other tests hold more, and the report has none of its own here:

- a batch of an odd number (huggingface/pytorch-image-models#1304, BR-IDL/PaddleViT#134,
  KaiyangZhou/Dassl.pytorch#33), partners of images and labels, height and width
  (xudonmao/VMT#1, pytorch-image-models#8), labels changed in place
  (Megvii-BaseDetection/YOLOX#275), shares in 16 bits (huggingface/lerobot#1096), Beta(alpha, alpha)
  (tensorflow/models#13490), mixes
  that cannot be pickled (mindee/doctr#2148, belskikh/kekas#26, pytorch/vision#8066):
  tests/laws/test_mixes.py
- an alpha that is none (hongyi-zhang/Fixup#5, JacobChalk/TIM#4): tests/mixups/test_arguments.py
- labels out of range (pytorch/pytorch#12670, #18014), smoothing (TimDettmers/ConvE#55): tests/laws
  and tests/functional/losses
- a mean over none (facebookresearch/unbiased-teacher#56, LAION-AI/Open-Assistant#2001):
  tests/functional/semi
- endings in capital letters (pytorch/vision#446, #835), files that are cut off (#138), a class
  without images (#4925), images that a camera has turned (ultralytics/yolov5#405,
  open-edge-platform/datumaro#1756), grey and transparent ones (pytorch/vision#198):
  tests/datasets/images and sources
- losses of integer labels (facebookresearch/deit#91, kaylode/theseus#26):
  tests/models/test_mixup_classifier.py
- buffers of an average (pytorch/pytorch#84053, CuriousAI/mean-teacher#9, pytorch/ignite#2590):
  tests/engine/test_ema.py
- weights of a compiled network (pytorch-image-models#2003, pytorch/pytorch#101107), a folder that
  was moved (ray-project/ray#28082): tests/engine/test_fit.py
- a path with a typing mistake (birdnet-team/geomodel#13), strange keys (open-mmlab/mmtracking#767):
  tests/engine/test_runner.py and test_fit.py; a checkpoint of no bytes
  (facebookresearch/metaseq#53): tests/engine/test_runner.py
"""
