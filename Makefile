# A stranger needs two of these: `make demo` and `make test`.

CARGO ?= cargo
PYTHON ?= python3
EMULATORS := $(CURDIR)/target/emulators

.PHONY: help demo test lint bench bench-counts emulators

help:
	@echo 'make demo          the whole loop against a pretend company: no account, no key'
	@echo 'make test          every test; installs the independent emulators into target/ first'
	@echo 'make lint          formatting, clippy and documentation without warnings'
	@echo 'make bench         what it costs: requests, dollars, seconds, memory'

# The first build takes minutes: whoever waits for it sees how far it is.
demo:
	$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- demo

test: emulators
	DDSYNC_EMULATORS='$(EMULATORS)' $(CARGO) test --locked

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

bench:
	$(CARGO) bench --locked --quiet --bench poll

# The figures that do not depend on the machine, checked. The profile is that of the tests, so nothing is built twice.
bench-counts:
	$(CARGO) bench --locked --quiet --profile dev --bench poll -- counts

emulators:
	@PYTHON='$(PYTHON)' tests/emulators.sh '$(EMULATORS)'
