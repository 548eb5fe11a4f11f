# SPDX-License-Identifier: GPL-2.0
# For people. The kernel's build system reads Kbuild instead.
#
# Everything that is built goes to build/, everything that is downloaded to the cache folder:
# $PAGEWIRE_CACHE, by default $XDG_CACHE_HOME/pagewire or ~/.cache/pagewire.

KERNEL ?= 6.12
KERNELS := 6.1 6.12
FAULT ?=
PREFIX ?= /usr/local

export PAGEWIRE_CACHE := $(or $(PAGEWIRE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pagewire)

# The module is built in build/<name>, one folder for each kernel and for each deliberate fault.
# KDIR=... builds for any other kernel of a supported version.
ifeq ($(origin KDIR),undefined)
$(if $(filter $(KERNEL),$(KERNELS)),,$(error KERNEL=$(KERNEL): must be one of: $(KERNELS)))
KDIR := $(PAGEWIRE_CACHE)/kernel/$(KERNEL)/build
NAME := $(KERNEL)$(FAULT:%=-%)
else
NAME := $(shell cat $(KDIR)/include/config/kernel.release)$(FAULT:%=-%)
endif
MOD := build/$(NAME)
FAULTS := byte leak
PAGEWIRE_CFLAGS := $(if $(FAULT),-DPAGEWIRE_FAULT_$(shell echo $(FAULT) | tr a-z A-Z))
KBUILD = $(MAKE) -C $(KDIR) M=$(abspath $(MOD)) PAGEWIRE_CFLAGS="$(PAGEWIRE_CFLAGS)" W=1

# CMD reaches the VM as it was typed: make neither expands its dollars nor splits its lines.
unexport CMD
export PAGEWIRE_CMD := $(value CMD)
# make itself knows only the status 2; see selftests/vm/exit-with.c.
VM_STATUS := build/vm/status-$(shell echo $$PPID)
ifneq ($(filter vm,$(MAKECMDGOALS)),)
-load build/vm/exit-with.so(exit_with_gmk_setup)
endif

.PHONY: help
help: ## this list
	@echo "Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo "Variables:"
	@echo "  KERNEL=6.12|6.1   the kernel that module, sparse, vm, bench are for (now $(KERNEL))"
	@echo "  KDIR=DIR          module: build for the kernel whose headers are there"
	@echo "  FAULT=byte|leak   module, vm: the module with a deliberate fault, for the negative controls"
	@echo "  CMD DISK MEM SMP TIMEOUT ACCEL NOMODULE   make vm: see selftests/vm/run --help"
	@echo "  PREFIX DESTDIR    install: where to (now $(PREFIX))"
	@echo "  PAGEWIRE_CACHE    downloads, kernels and images (now $(PAGEWIRE_CACHE))"

.PHONY: setup
setup: ## install what is missing (apt; root or sudo) and fetch the kernels
	@selftests/vm/setup

.PHONY: all
all: setup ## module for both kernels, tool, tests
	@+for k in $(KERNELS); do $(MAKE) --no-print-directory module KERNEL=$$k || exit; done
	@+$(MAKE) --no-print-directory tools tests

# The kernel's build system puts its products beside the sources: let it see links to them.
.PHONY: module-tree
module-tree:
	$(if $(FAULT),$(if $(filter $(FAULT),$(FAULTS)),,$(error FAULT=$(FAULT): must be one of: $(FAULTS))))
	@test -e $(KDIR)/Makefile || { echo "make: no kernel to build for in $(KDIR): run 'make setup'" >&2; exit 1; }
	@mkdir -p $(MOD)/kmod
	@find -L $(MOD)/kmod -type l -delete
	@ln -srfn Kbuild include $(MOD)/
	@ln -srf kmod/*.[ch] $(MOD)/kmod/

.PHONY: module
module: module-tree ## pagewire.ko for KERNEL, in build/KERNEL
	@+$(KBUILD) modules

.PHONY: sparse
sparse: module-tree ## check the module with sparse; any finding in our files fails
	@+$(KBUILD) C=2 CF=-D__CHECK_ENDIAN__ modules >$(MOD)/sparse.log 2>&1 || { cat $(MOD)/sparse.log; exit 1; }
	@! grep -E '(kmod|include/uapi)/.*: (warning|error):' $(MOD)/sparse.log
	@echo "sparse: nothing found ($(NAME))"

.PHONY: tools
tools: ## the tool `pagewire`, in build/tools
	@+$(MAKE) --no-print-directory -C tools O=$(abspath build/tools)

.PHONY: tests
tests: ## the test programs, in build/selftests
	@+$(MAKE) --no-print-directory -C selftests O=$(abspath build/selftests)

.PHONY: check
check: ## everything: set-up, static checks, builds, tests in a VM on both kernels
	@selftests/vm/check

.PHONY: demo
demo: ## see it work: real transfers by every path in a VM, a comparison, the counters
	@selftests/vm/demo

build/vm/exit-with.so: selftests/vm/exit-with.c
	@mkdir -p $(@D)
	@$(CC) -Wall -O2 -shared -fPIC -o $@ $<

# The command's output and nothing else goes to stdout.
.PHONY: vm-run
vm-run: setup
	$(if $(NOMODULE),,@+$(MAKE) -s --no-print-directory module >&2)
	@+$(MAKE) -s --no-print-directory tools >&2
	@mkdir -p build/vm
	@selftests/vm/run; echo $$? >$(VM_STATUS)

.PHONY: vm
vm: vm-run ## a shell in a VM with the module loaded; CMD='...' runs one command there
	@$(exit-with $(VM_STATUS))read -r status <$(VM_STATUS); rm $(VM_STATUS); exit $$status

.PHONY: bench
bench: setup module tools tests ## sender CPU and rate of every path, in the VM; no pass or fail
	@selftests/bench/run

.PHONY: bench-uml
bench-uml: ## the same ratios at native speed, on User-Mode Linux
	@selftests/bench/uml/run

.PHONY: lint
lint: ## checkpatch, clang-format, layering
	@selftests/vm/lint

.PHONY: install
install: tools ## tool and man page into PREFIX; with KDIR=... the module too
	@+$(MAKE) --no-print-directory -C tools O=$(abspath build/tools) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install
ifneq ($(filter command% environment%,$(origin KDIR)),)
	@+$(MAKE) --no-print-directory module KDIR=$(KDIR)
	@+$(KBUILD) INSTALL_MOD_PATH=$(DESTDIR) modules_install
endif

.PHONY: clean
clean: ## remove build/ (the cache folder stays)
	@rm -rf build
