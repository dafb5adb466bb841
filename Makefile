# Thin: each target calls cargo or one script. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# `dist` is for packages and figures: quicker programs, a slow build.
PROFILE ?= release
RELEASE := target/$(PROFILE)

.PHONY: help demo demo-vm up image guests kill9 openapi oracle screenshots build test check bench fmt packages test-install requirements test-requirements clean

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: requirements build ## two suites on eight machines each with real XRootD, in sandboxes (root)
	scripts/as-root $(RELEASE)/xrdtest run ts_001_mm ts_002_frm --local

demo-vm: requirements image ## a copy suite on four virtual machines with real XRootD, emulated where there is no KVM (root)
	scripts/lab packages
	$(MAKE) build FEATURES="xrdtest/libvirt xrdtest-hypervisor/libvirt"
	scripts/as-root scripts/demo-vm

up: requirements build ## an engine and a hypervisor agent with the example definitions, until Ctrl-C (root)
	scripts/as-root scripts/up

# Each run starts the slave agent on each machine at least once, as a supervisor. A program at a fixed address needs no
# relocation, which makes that start a third quicker.
STATIC := -C target-feature=+crt-static -C relocation-model=static

# What not every machine can build: make build FEATURES=xrdtest-hypervisor/libvirt
FEATURES ?=

build: ## release programs in target/release; the slave agent is static
	cargo build --profile $(PROFILE) --locked $(if $(FEATURES),--features "$(FEATURES)") -p xrdtest -p xrdtest-engine -p xrdtest-hypervisor
	cargo rustc --profile $(PROFILE) --locked -p xrdtest-slave --bin xrdtest-slave -- $(STATIC)

# Built by whoever calls, run as root.
AS_ROOT := --config "target.'cfg(unix)'.runner = '$(CURDIR)/scripts/as-root'"

# All of it is tested and checked, also what not every machine can build.
ALL := --features xrdtest/libvirt

# Where tests have a libvirt, where the machine has none. Each working copy has its own.
test: export LAB ?= /var/lib/xrdtest/lab-$(firstword $(shell cksum <<< '$(CURDIR)'))

test: test-requirements guests ## all tests (root: machines are made)
	scripts/lab during cargo test --locked --workspace $(ALL) $(AS_ROOT)

check: test-requirements ## formatting, lints, documentation, dependencies, scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets $(ALL) -- -D warnings
	cargo clippy --locked -p xrdtest-hypervisor -p xrdtest --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace $(ALL) --no-deps --document-private-items --quiet
	scripts/deny
	scripts/shellcheck

# What drives the dashboard.
BROWSER := chromium chromium-driver

# What reads reports and metrics.
PARSERS := libxml2-utils python3-junitparser python3-more-itertools python3-prometheus-client python3-tap python3-yaml

# What programs and packages are made with.
PACKAGERS := gcc libc6-dev git libvirt-dev make pkg-config debhelper fakeroot rpm

packages: ## .deb and .rpm of all programs, in target/packages
	scripts/lab packages $(PACKAGERS)
	$(MAKE) build PROFILE=dist FEATURES="xrdtest/libvirt xrdtest-hypervisor/libvirt"
	packaging/build

test-install: ## install, use, upgrade, remove and purge the packages of `make packages` in a clean Debian (root)
	scripts/lab packages lintian rpm
	scripts/as-root packaging/test/install

screenshots: requirements build ## pictures of the dashboard for the README, of real runs (root)
	scripts/lab packages $(BROWSER) fonts-inter
	scripts/as-root python3 engine/cli/tests/system/screenshots.py --programs $(RELEASE) --output web/screenshots

image: ## a Debian image for virtual machines, with XRootD, in target/images
	scripts/image

# The agent is built as tests have it, but static.
guests: test-requirements ## virtual machines and their agent, for tests, in target/images
	scripts/image --tiny
	scripts/image
	scripts/image --cloud-init
	cargo rustc --locked -p xrdtest-slave --bin xrdtest-slave -- $(STATIC) -C strip=symbols
	cp target/debug/xrdtest-slave target/images

# Random instants: make kill9 N=200 SEED=1. Then once between each two effects of the engine.
N ?= 200
SEED ?= $(shell date +%s)
kill9: requirements build ## kill -9 the engine N times during runs, and judge by the machines' own journals (root)
	scripts/kill9 $(N) $(SEED)

# Tests have its answers in starts.tsv: this shows that they are its answers.
oracle: ## ask APScheduler 3, from PyPI, again for the starts that the tests of schedules are held against
	python3 -m venv target/oracle
	target/oracle/bin/pip install --quiet 'apscheduler<4' tzdata
	PYTHON='$(CURDIR)/target/oracle/bin/python' cargo test --locked -p xrdtest-schedule --test oracle -- --ignored

# Requests, good and bad ones, that schemathesis makes from the API's own document.
openapi: ## hold an engine's answers against its OpenAPI document, by schemathesis from PyPI (root)
	python3 -m venv target/schemathesis
	target/schemathesis/bin/pip install --quiet 'schemathesis>=4,<5' 'openapi-spec-validator<1'
	cargo build --locked -p xrdtest -p xrdtest-engine -p xrdtest-hypervisor -p xrdtest-slave
	for more in "" --writes; do PYTHONDONTWRITEBYTECODE=1 scripts/as-root python3 engine/cli/tests/system/openapi.py \
	  --programs target/debug --schemathesis target/schemathesis/bin/schemathesis $$more; done

bench: test-requirements guests ## figures of what is packaged beside references taken in the same minute (root)
	$(MAKE) build PROFILE=dist FEATURES="xrdtest/libvirt xrdtest-hypervisor/libvirt"
	cargo build --profile dist --locked -p xrdtest-engine --example history
	scripts/bench

fmt: ## format the code
	cargo fmt --all

requirements: ## install the Debian packages that the demo needs
	scripts/install-packages

test-requirements: requirements ## and those that tests and checks need: libvirt, QEMU, a browser, parsers
	scripts/lab packages
	scripts/lab packages $(BROWSER) $(PARSERS)

clean: ## remove what was built
	cargo clean
