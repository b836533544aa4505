# Two commands set everything up: `make demo` and `make test`.
SHELL := /bin/bash
GO    ?= go
CACHE := $(CURDIR)/.cache
BIN   := $(CACHE)/bin
BASE  := $(CACHE)/bases/python-3.13-slim/index.json

export WHITTLE_BUILDKITD := $(BIN)/buildkitd
# A machine without /dev/net/tun cannot give the build engine a network of its
# own: what is built here is our own, so that it may have the machine's.
export WHITTLE_ENGINE_NETWORK ?= $(if $(wildcard /dev/net/tun),own,host)

.PHONY: demo forty test check build setup lint race fuzz cross kills bench images proof generate release wheel image help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

build: $(BIN)/whittle ## build .cache/bin/whittle
$(BIN)/whittle: FORCE
	@$(GO) build -trimpath -o $@ ./cmd/whittle
FORCE:

setup: ## system packages, the build engine and the base image
	@scripts/setup
	@scripts/base-image

demo: setup build ## study examples/inventory, every variant of it
	@$(BIN)/whittle lab --resume --builtin-frontend --cache-dir $(CACHE)/whittle examples/inventory
	@echo
	@echo "made: the program $(BIN)/whittle"
	@echo "      the report  examples/inventory/.whittle/report.md (and report.json)"
	@echo "      the images  examples/inventory/.whittle/images/ (logs beside them)"

images: setup build ## the example's images, quickly, for the tests
	@$(BIN)/whittle lab --quiet --quick --resume --builtin-frontend --cache-dir $(CACHE)/whittle --out $(CACHE)/example examples/inventory > $(CACHE)/example.txt; \
	  code=$$?; if [ $$code -gt 1 ]; then cat $(CACHE)/example.txt; exit $$code; fi

proof: setup build ## the proof: fixes of the example made, built and run, and the best image
	@$(BIN)/whittle lab --fix --quick --resume --builtin-frontend --cache-dir $(CACHE)/whittle examples/inventory
	@WHITTLE_PROOF=$(CURDIR)/examples/inventory/.whittle/report.json $(GO) test -count=1 -run Proof ./internal/lab
	@echo "made: examples/inventory/.whittle/report.json; its table for the README: go run ./scripts/readytable -w README.md examples/inventory/.whittle/report.json"

forty: setup ## a hundred applications that reach something by a name, with lab --fix: nothing is lost
	@WHITTLE_FORTY=all $(GO) test -count=1 -timeout 90m -run Forty ./internal/lab -v | grep -vE '^=== |fsverity'

test: ## everything that .ci/run runs
	@scripts/setup
	@scripts/test
	@echo
	@echo "made: the example's images and report in .cache/example, the program in .cache/bin"

check: test

lint: ## gofmt, go vet, golangci-lint
	@scripts/lint

wheel: ## a Python wheel for this machine, in .cache/wheel
	@scripts/release --wheel

release: ## all that a release has, in .cache/dist; publishes nothing
	@scripts/release

image: setup ## whittle's own container image, in .cache/image
	@scripts/release-image

cross: ## compile for all the systems that whittle runs on
	@for t in linux/amd64 linux/arm64 darwin/arm64 darwin/amd64 windows/amd64 windows/arm64; do echo $$t; \
	  GOOS=$${t%/*} GOARCH=$${t#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/whittle || exit 1; done

race: ## the tests with the race detector
	$(GO) test -race ./...

fuzz: ## look for new cases in every fuzz target and property test
	@scripts/fuzz

kills: setup ## 200 kills and 50 full disks of proofs that write, 20 kills with the engine, all kinds of files
	WHITTLE_KILLS=200 WHITTLE_ENGINE_KILLS=20 WHITTLE_KINDS=1 $(GO) test -count=1 -timeout 60m -v -run 'Killed|FullDisk|FileKinds|Durable' ./internal/lab ./cmd/whittle

bench: setup images ## ratios against the floors, the best known layer explorer, and other tools
	@scripts/bench

generate: ## write the pages of the rules and checks in docs/reference
	@$(GO) run ./scripts/rules -w
