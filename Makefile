# `make repro` and `make test` do all the set-up they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
# A worker holds a torch of its own (1.5 GB); a file's tests share what they set up.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.ready: pyproject.toml constraints.txt bin/setup
	bin/setup $(VENV)
	touch $@

setup: $(VENV)/.ready ## Make .venv with the pinned packages; install R and pROC where missing (Debian)
	@bin/setup --check

repro: setup ## Run the whole graph and say where the report lies
	@# DVC trips over an axis of the wrong type before its stage `check` can name it
	dvc repro || { nonmass check; exit 1; }
	@echo "report: $(CURDIR)/reports/index.html"

test: setup ## Run the tests (SLOW=1: the slow ones too that fit CI's hour)
	pytest $(PARALLEL) -m "$(if $(SLOW),not long,not slow and not long)"

test-all: setup ## Run every test
	pytest $(PARALLEL)

check: setup ## Format, lint, types, layers
	ruff format --check . && ruff check . && mypy && lint-imports

format: setup ## Format the code
	ruff format . && ruff check --fix .

stage: setup ## Run one stage alone: make stage NAME=crop
	dvc repro -s -f $(NAME)

profile: setup ## Apply a profile: make profile NAME=public
	nonmass profile $(NAME)

dag: setup ## Draw the graph
	dvc dag

clean: ## Remove what the graph makes, the DVC cache too; cohorts in data/raw and overrides stay
	rm -rf data/raw/phantom data/cohorts data/fov data/folds data/leak data/splits data/*.txt
	find data -maxdepth 1 -name '*.csv' ! -name fov_overrides.csv -delete
	rm -rf models predictions metrics reports dvc_plots .dvc/cache .dvc/tmp

.PHONY: help setup repro test test-all check format stage profile dag clean
