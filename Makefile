# make quickstart   installs into .venv and trains: vanilla, CutMix, CutMix with DM(CE)
# make test         installs into .venv and runs all tests
#
# PYTHON=python3.12   another Python than python3
# TORCH=cpu           where torch and torchvision come from: cpu, cu130, ... are the builds that
#                     download.pytorch.org has, an address is an index, a folder holds wheels
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?=
JOBS   ?= 2
# A misspelt one would be passed over without a word.
KNOWN   = PYTHON VENV TORCH JOBS SHELL
GIVEN  := $(foreach v,$(.VARIABLES),$(if $(findstring command line,$(origin $(v))),$(v)))
$(if $(filter-out $(KNOWN),$(GIVEN)),$(error no variable $(filter-out $(KNOWN),$(GIVEN)): there are PYTHON, VENV, TORCH and JOBS))
PINS    = requirements/constraints.txt
SETUP   = setup.py pyproject.toml dmmix/version.py $(wildcard requirements/*.txt)
PYTEST  = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest -n $(JOBS)
FAST    = -m "not slow" --one-case
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# $(call torch,ENVIRONMENT): where its torch comes from; what it was made with where TORCH is not said.
torch = $(or $(TORCH),$(shell cat "$(1)/.torch" 2>/dev/null))

# $(call torch_from,PLACE): as options of pip; the rest comes from pip's own index in any case.
torch_from = $(if $(findstring ://,$(1)),--no-deps --index-url $(1) torch torchvision,$\
	$(if $(findstring /,$(1)),--find-links $(1) torch,$\
	--no-deps --index-url https://download.pytorch.org/whl/$(1) torch torchvision))

# Extras, by variables: a comma would end an argument of call.
TESTS    = mm,test,docs
BENCH    = mm,benchmarks
UPSTREAM = openmmlab,test

# $(call install,ENVIRONMENT,EXTRAS,FILES OF PINS); what builds has those of $(PINS) in any case.
define install
	@echo "Installing dmmix[$(2)] into $(1): one to five minutes, once."
	test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install -q -c $(PINS) pip
	$(if $(call torch,$(1)),$\
		$(1)/bin/python -m pip install -q $(addprefix -c ,$(3)) \
			$(call torch_from,$(call torch,$(1))))
	PYTHONWARNINGS=ignore \
		$(1)/bin/python -m pip install -q $(addprefix -c ,$(3)) --build-constraint $(PINS) \
			-e ".[$(2)]"
	@$(1)/bin/python -c "import cv2" 2>/dev/null || { \
		echo "OpenCV lacks libraries of a screen here: the build without windows takes its place."; \
		$(1)/bin/python -m pip install -q $(addprefix -c ,$(3)) --no-deps --force-reinstall \
			opencv-python-headless; }
	@echo "$(call torch,$(1))" > $(1)/.torch
endef

# Says before any long work what is wrong with PYTHON or TORCH.
asked = $(PYTHON) requirements/asked.py "$(1)" "$(TORCH)" $(if $(findstring file,$(origin PYTHON)),,--python)

.PHONY: quickstart test test-fast test-openmmlab test-recipes headline lint docs clean \
	test-oldest test-oldest-but-torch asked-oldest asked-oldest-but-torch coverage dist \
	constraints constraints-new check-constraints asked asked-openmmlab \
	benchmark-loss benchmark-mixing benchmark-throughput benchmark-semi benchmark-startup benchmark-loading \
	benchmark-gpu

asked:
	@$(call asked,$(VENV))

asked-openmmlab asked-oldest asked-oldest-but-torch: asked-%:
	@$(call asked,$(VENV)-$*)

quickstart: $(VENV)/.mm
	$(VENV)/bin/python -m dmmix quickstart

test: $(VENV)/.test
	$(call PYTEST,$(VENV))

# One case of each test that is not slow: a few minutes.
test-fast: $(VENV)/.test
	$(call PYTEST,$(VENV)) $(FAST)

# Every recipe and every cell of every sweep trains one step, on tiny data made for it.
test-recipes: $(VENV)/.test
	$(call PYTEST,$(VENV)) -m recipes

lint: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

docs: $(VENV)/.test
	$(VENV)/bin/python -m sphinx -nW --keep-going -b html docs docs/_build/html

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

benchmark-loading: $(VENV)/.benchmarks
	$(VENV)/bin/python tools/benchmarks/photo_loading.py

# All rows on a GPU, in under nine minutes; where time is short, with fewer rounds.
benchmark-gpu: $(VENV)/.mm
	$(VENV)/bin/python tools/benchmarks/throughput.py --device cuda --minutes 8.5 \
		--rows r18_cifar r50_224 cifar_small digits --seconds 15 --rounds 5 --profile \
		--compile --precision bf16 --bare-compile --out throughput_gpu.json

# CIFAR-100, ResNet-18, 200 epochs: Mixup and CutMix, MCE and DM(CE), three seeds, on one GPU.
# Started again, it goes on where it was stopped.
headline: $(VENV)/.mm data/cifar100.npz
	$(VENV)/bin/python -m dmmix sweep sweeps/headline
	$(VENV)/bin/python -m dmmix report work_dirs/headline

data/cifar100.npz: | $(VENV)/.mm
	$(VENV)/bin/python -m dmmix data to-npz cifar100/resnet18 --out $@

# The upstream stack (mmengine, mmcv-lite, mmpretrain) in an environment of its own.
test-openmmlab: $(VENV)-openmmlab/.test
	$(call PYTEST,$(VENV)-openmmlab) -m openmmlab

# The fast tests with each requirement at its lower bound, torch too, on the oldest Python.
test-oldest: $(VENV)-oldest/.test
	$(call PYTEST,$(VENV)-oldest) $(FAST)

# What CI does: torch and the OpenMMLab forks are those of the pins, and what needs nothing else is left out.
test-oldest-but-torch: $(VENV)-oldest-but-torch/.test
	$(call PYTEST,$(VENV)-oldest-but-torch) $(FAST) $(addprefix tests/,cli configuration \
		datasets evaluation experiments visualization test_arguments.py)

# How much of the package the tests run, those in processes of their own too: twice their time.
coverage: $(VENV)/.test
	$(call PYTEST,$(VENV)) --cov --cov-report=term:skip-covered --cov-report=html

# The files of a release, in dist/: the source, and the wheel that is made of it and then tried.
dist: $(VENV)/.test $(VENV)/.uv
	rm -rf dist
	$(VENV)/bin/python -m uv build --quiet --build-constraint $(PINS) --out-dir dist
	DMMIX_WHEEL="$$(ls dist/*.whl)" $(call PYTEST,$(VENV)) tests/cli/test_wheel.py tests/docs/test_release.py

# The pins in requirements/, after a change of the other files there: they stay where they fit.
constraints: $(VENV)/.uv
	$(VENV)/bin/python requirements/resolve.py

# The same with the newest versions.
constraints-new: $(VENV)/.uv
	$(VENV)/bin/python requirements/resolve.py --upgrade

# The pins hold for every Python, platform and stack that is promised, from the index alone.
check-constraints: $(VENV)/.uv
	$(VENV)/bin/python requirements/resolve.py --check

$(VENV)/.mm: $(SETUP) | asked
	$(call install,$(VENV),mm,$(PINS))
	@touch $@

$(VENV)/.test: $(SETUP) | asked
	$(call install,$(VENV),$(TESTS),$(PINS))
	@touch $@ $(VENV)/.mm

$(VENV)/.benchmarks: $(SETUP) | asked
	$(call install,$(VENV),$(BENCH),$(PINS))
	@touch $@ $(VENV)/.mm

$(VENV)-openmmlab/.test: $(SETUP) | asked-openmmlab
	$(call install,$(VENV)-openmmlab,$(UPSTREAM),$(PINS))
	@touch $@

$(VENV)-oldest/.test $(VENV)-oldest-but-torch/.test: PYTHON = python3.11
$(VENV)-oldest/.test: $(SETUP) | asked-oldest
	$(call install,$(VENV)-oldest,$(TESTS),requirements/oldest.txt requirements/oldest_torch.txt)
	@touch $@

$(VENV)-oldest-but-torch/.test: $(SETUP) | asked-oldest-but-torch
	$(call install,$(VENV)-oldest-but-torch,$(TESTS),requirements/oldest.txt requirements/chosen.txt)
	@touch $@

$(VENV)/.uv: | $(VENV)/.mm
	$(VENV)/bin/python -m pip install -q -c $(PINS) uv
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-openmmlab $(VENV)-oldest $(VENV)-oldest-but-torch docs/_build dist htmlcov
