# make quickstart   installs into .venv and trains: vanilla, CutMix, CutMix with DM(CE)
# make test         installs into .venv and runs all tests
PYTHON ?= python3
VENV   ?= .venv
PIP     = $(VENV)/bin/python -m pip install -q --disable-pip-version-check -c requirements/constraints.txt
SETUP   = setup.py dmmix/version.py $(wildcard requirements/*.txt)
JOBS   ?= 2

.PHONY: quickstart test test-openmmlab test-recipes headline lint docs clean \
	benchmark-loss benchmark-mixing benchmark-throughput benchmark-semi benchmark-startup benchmark-gpu

quickstart: $(VENV)/.mm
	$(VENV)/bin/python tools/quickstart.py

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal

# Every recipe and every cell of every sweep trains one step, on tiny data made for it.
test-recipes: $(VENV)/.test
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal -m recipes

lint: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

docs: $(VENV)/.test
	$(VENV)/bin/python -m sphinx -W --keep-going -b html docs docs/_build/html

benchmark-loss: $(VENV)/.test
	$(VENV)/bin/python tools/benchmarks/loss.py

benchmark-mixing: $(VENV)/.benchmarks
	$(VENV)/bin/python tools/benchmarks/mixing.py

benchmark-throughput: $(VENV)/.mm
	$(VENV)/bin/python tools/benchmarks/throughput.py

benchmark-semi: $(VENV)/.mm
	$(VENV)/bin/python tools/benchmarks/semi_step.py

benchmark-startup: $(VENV)/.mm
	$(VENV)/bin/python tools/benchmarks/startup.py

# All rows on a GPU, in under nine minutes; where time is short, with fewer rounds.
benchmark-gpu: $(VENV)/.mm
	$(VENV)/bin/python tools/benchmarks/throughput.py --device cuda --minutes 8.5 \
		--rows r18_cifar r50_224 cifar_small digits --seconds 15 --rounds 5 --profile \
		--compile --precision bf16 --bare-compile --out throughput_gpu.json

# CIFAR-100, ResNet-18, 200 epochs: Mixup and CutMix, MCE and DM(CE), three seeds, on one GPU.
# Started again, it goes on where it was stopped.
headline: $(VENV)/.mm data/cifar100.npz
	$(VENV)/bin/python tools/sweep.py configs/sweeps/headline.py
	$(VENV)/bin/python tools/analysis/summarize.py work_dirs/headline

data/cifar100.npz: | $(VENV)/.mm
	$(VENV)/bin/python tools/data/to_npz.py configs/cifar100/resnet18.py --out $@

# The upstream stack (mmengine, mmcv-lite, mmpretrain) in an environment of its own.
test-openmmlab: $(VENV)-openmmlab/.test
	OMP_NUM_THREADS=1 $(VENV)-openmmlab/bin/python -m pytest -n $(JOBS) -m openmmlab

$(VENV)/.mm: $(SETUP)
	@echo "Installing dmmix and the OpenMMLab stack into $(VENV): one to three minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[mm]"
	@touch $@

$(VENV)/.test: $(SETUP)
	@echo "Installing dmmix and all that its tests need into $(VENV): one to three minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[mm,test,docs]"
	@touch $@ $(VENV)/.mm

$(VENV)/.benchmarks: $(VENV)/.mm
	$(PIP) -e ".[mm,benchmarks]"
	@touch $@

$(VENV)-openmmlab/.test: $(SETUP)
	$(PYTHON) -m venv $(VENV)-openmmlab
	$(VENV)-openmmlab/bin/python -m pip install -q --disable-pip-version-check \
		-c requirements/constraints.txt -e ".[openmmlab,test]"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-openmmlab docs/_build
