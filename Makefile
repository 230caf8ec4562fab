# What a person types. `make` alone lists it.
# CARGO_TARGET_DIR is honoured; DATA is the shop's data folder, TOOLS where cargo-nextest and schemathesis are put.
.DEFAULT_GOAL := help
SHELL := bash
DATA ?= stoa-data
TOOLS ?= $(CURDIR)/.tools
NEXTEST_VERSION := 0.9.143
BENCH_ARGS ?=
CARGO_FUZZ_VERSION := 0.13.2
FUZZ_SECONDS ?= 60

target = $(abspath $(or $(CARGO_TARGET_DIR),target))
# Whole programs are measured as they are delivered.
built = $(or $(CARGO_TARGET_DIR),target)/dist
# What is tested is linted as it is compiled, and so compiled once.
linted = RUSTC_WORKSPACE_WRAPPER="$(CURDIR)/scripts/lint"
nextest_profile = $(if $(filter true,$(CI)),ci,default)
export PATH := $(TOOLS)/bin:$(PATH)
export TOOLS

.PHONY: help run released migrate test lint format licences contract contract-stripe cluster rolling bench bench-edge bench-ledger bench-payments bench-orders bench-cluster bench-stored bench-catalog bench-login relevance waf fuzz clean-data nextest cargo-fuzz

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the shop and serve it with the demo catalogue; orders need no second factor there
	STOA__EDGE__GUEST_CHECKOUT="$${STOA__EDGE__GUEST_CHECKOUT-true}" \
	cargo run --release --locked --package stoa -- serve --demo --data-dir "$(DATA)"

migrate: ## Bring the data folder's databases up to date without serving
	cargo run --release --locked --package stoa -- migrate --data-dir "$(DATA)"

test: format licences nextest ## Formatting, lints, every test on both engines, doc tests
	$(linted) cargo test --workspace --all-targets --features faults --locked --no-run --quiet
	$(linted) scripts/with-memory scripts/with-postgres scripts/with-schemathesis \
		cargo nextest run --workspace --features faults --locked --profile $(nextest_profile)
	$(linted) cargo test --workspace --doc --features faults --locked

contract: nextest ## Try the API by its own description, longer than the tests do (CONTRACT_EXAMPLES=100)
	CONTRACT_EXAMPLES="$(or $(CONTRACT_EXAMPLES),100)" scripts/with-memory scripts/with-postgres scripts/with-schemathesis \
		cargo nextest run --workspace --features faults --locked --profile contract \
		-E 'binary_id(stoa::api) and test(/^description::/)'

contract-stripe: nextest ## Try the adapter for Stripe on localstripe, and on Stripe's test mode when STOA_TEST_STRIPE_KEY is set
	scripts/with-localstripe cargo nextest run --package payment --locked -E 'test(/^elsewhere::/)'

released: ## Write down what this program asks of PostgreSQL, which nodes beside those of the next release still ask
	STOA_RELEASE=1 cargo test --workspace --features faults --locked --test contract -- --exact released::a_node_of_the_last_release_goes_on

cluster: nextest ## Break a shop of three nodes over one PostgreSQL again and again (CLUSTER_ROUNDS=200)
	STOA_CLUSTER_ROUNDS="$(or $(CLUSTER_ROUNDS),200)" scripts/with-memory \
		cargo nextest run --workspace --features faults --locked --profile contract \
		-E 'binary_id(stoa::cluster) and test(rounds_of_chance)'

rolling: nextest ## Upgrade a shop of three nodes from another version while it sells (FROM=git ref)
	@test -n "$(FROM)" || { echo "make rolling FROM=v0.1.0: from which version?"; exit 2; }
	rm -rf -- "$(target)/other" && git worktree prune && git worktree add --detach "$(target)/other" "$(FROM)"
	cd "$(target)/other" && CARGO_TARGET_DIR="$(target)" cargo test --workspace --features faults --locked --no-run --test contract
	cp -- "$(target)/debug/stoa" "$(target)/stoa-of-another-version"
	git worktree remove --force "$(target)/other"
	STOA_OTHER_VERSION="$(target)/stoa-of-another-version" scripts/with-memory \
		cargo nextest run --workspace --features faults --locked --profile contract \
		-E 'binary_id(stoa::cluster) and test(two_versions_side_by_side)'

lint: format licences ## Formatting and lints, without the tests
	cargo clippy --workspace --all-targets --features faults --locked -- -D warnings

format:
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

# Licences and bans, where cargo-deny is installed.
licences:
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; \
	else echo "lint: cargo-deny is not installed; deny.toml is not checked (cargo install cargo-deny --locked)"; fi

bench: ## Measure the release build against a bare handler (BENCH_ARGS="--seconds 5")
	cargo build --profile dist --locked --package stoa --package load
	"$(built)/load" shop --stoa "$(built)/stoa" --catalog demo/catalog.jsonl $(BENCH_ARGS)

bench-edge: ## Measure each stage of the edge, and a shop that is asked for more than it can do
	cargo build --profile dist --locked --package stoa --package load
	cargo bench --locked --package stoa --bench edge
	"$(built)/load" edge --stoa "$(built)/stoa" --catalog demo/catalog.jsonl $(BENCH_ARGS)

bench-ledger: ## Measure what an entry costs behind 10,000 and behind 1,000,000
	cargo bench --locked --package ledger --bench append

bench-payments: ## Measure payments from the decision about fraud to the journal, behind a processor that takes 50 ms
	cargo bench --locked --package stoa --bench payments

bench-orders: ## Measure checkouts with their quote: many products, one for all, one that sells out
	cargo build --profile dist --locked --package stoa --package load
	"$(built)/load" orders --stoa "$(built)/stoa" $(BENCH_ARGS)

bench-stored: ## Measure a checkout beside the orders of before (BENCH_ARGS="--stored 10000,1000000")
	cargo build --profile dist --locked --package stoa --package load
	"$(built)/load" stored --stoa "$(built)/stoa" $(BENCH_ARGS)

bench-cluster: ## Measure what an order costs with one, two and three nodes (BENCH_ARGS="--redis redis://...")
	cargo build --profile dist --locked --package stoa --package load
	scripts/with-postgres --durable "$(built)/load" cluster --stoa "$(built)/stoa" $(BENCH_ARGS)

bench-catalog: ## Measure what a catalogue costs as it grows (CATALOG=products.jsonl)
	cargo build --profile dist --locked --package stoa --package load
	"$(built)/load" catalog --stoa "$(built)/stoa" --catalog "$(or $(CATALOG),demo/catalog.jsonl)" $(BENCH_ARGS)

bench-login: ## Measure what the time of a login tells, and a storm of logins (BENCH_ARGS="--clients 64")
	cargo build --profile dist --locked --package stoa --package load
	"$(built)/load" login --stoa "$(built)/stoa" --catalog demo/catalog.jsonl $(BENCH_ARGS)

relevance: ## Measure how well the search ranks (JUDGED=folder with queries and grades)
	cargo run --release --locked --package relevance -- --catalog "$(or $(CATALOG),demo/catalog.jsonl)" \
		--queries "$(JUDGED)/queries_dev.tsv" --qrels "$(JUDGED)/qrels_dev.tsv" $(RELEVANCE_ARGS)

waf: ## Measure what the firewall sees (WAF=folder with payloads, CATALOG=products.jsonl)
	cargo run --release --locked --package waf -- --waf "$(WAF)" --catalog "$(or $(CATALOG),demo/catalog.jsonl)" $(WAF_ARGS)

fuzz: cargo-fuzz ## Let each fuzz target look for crashes for FUZZ_SECONDS; what it finds is in fuzz/artifacts
	scripts/fuzz "$(FUZZ_SECONDS)"

clean-data: ## Delete the data folder: every order, account and product in it
	rm -rf -- "$(DATA)"

nextest:
	@cargo nextest --version >/dev/null 2>&1 || { \
		echo "cargo-nextest is missing; installing $(NEXTEST_VERSION) into $(TOOLS) (some minutes, once)"; \
		cargo install cargo-nextest --locked --version $(NEXTEST_VERSION) --root "$(TOOLS)" || { \
			echo "cargo-nextest could not be installed. Without it the tests can be run by:"; \
			echo "  scripts/with-memory scripts/with-postgres cargo test --workspace --features faults --locked"; \
			exit 1; }; }

cargo-fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || { \
		echo "cargo-fuzz is missing; installing $(CARGO_FUZZ_VERSION) into $(TOOLS) (a minute, once)"; \
		cargo install cargo-fuzz --locked --version $(CARGO_FUZZ_VERSION) --root "$(TOOLS)"; }
