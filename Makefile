# binrelay needs only Go. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
export CGO_ENABLED := 0
export GOFLAGS := -tags=gms_pure_go -trimpath

GO      ?= go
BIN     := bin/binrelay
CYCLES  ?= 200
FUZZTIME ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help build run test tools lint unit blackbox crash interop bench fuzz race clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## build bin/binrelay
	$(GO) build -o $(BIN) ./cmd/binrelay

run: build ## a primary and two replicas on this machine, replication on; Ctrl-C stops them
	./$(BIN) demo

test: tools lint unit blackbox ## everything: lint, package tests, tests of the built binary against other programs

tools: ## install the programs that the tests talk to (root on Debian), or say how
	@./.ci/tools

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	cd tests/clients && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit: ## package tests
	$(GO) test $$($(GO) list ./... | grep -v '/tests')

blackbox: build ## the built binary against stock clients, sysbench, MariaDB, kill -9
	$(GO) test -timeout 20m -v ./tests/... 2>&1 | grep --line-buffered -vE '^=== (RUN|PAUSE|CONT|NAME)'

crash: build ## kill -9, power cuts, partitions, bad disks; hours: CYCLES=200, BINRELAY_SEED=1
	BINRELAY_CYCLES=$(CYCLES) $(GO) test -count=1 -timeout 0 -p 1 -run 'Kill|Crash|Fault|Damage|Reset_Killed|Pause|Partitioned' -v \
	  ./cmd/binrelay ./tests ./sql/storage ./binlog/... ./relaylog | awk -f .ci/crashes.awk

interop: build ## other people's programs, the long way; writes their rows of docs/compatibility.md
	BINRELAY_LONG=1 BINRELAY_UPDATE=1 $(GO) test -timeout 0 -run 'MariaDB|Sysbench_|Tutorial|Mysqlbinlog|Large|Clients|Drivers|Maintenance|Provision|Statements|Compression' -v ./tests/...

bench: build ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench CommitRatio -benchtime 20x ./sql/storage
	$(GO) test -run '^$$' -bench . -benchtime 0.5s ./sql ./primary ./binlog/...
	BINRELAY_BENCH=1 $(GO) test -timeout 30m -run 'Figures' -v ./tests

fuzz: ## every fuzz target for FUZZTIME=30s
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$p || exit 1; \
	  done; done

race: ## package tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -v '/tests')

clean: ## remove what was built; data directories stay
	rm -rf bin
