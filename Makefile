# vault-tools. `make help` lists the targets; GNU make, a C11 compiler and pkg-config are needed.
#
# For packagers: CC, CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS, AR, PKG_CONFIG, PREFIX, DESTDIR, BINDIR, MANDIR,
# BASHCOMPDIR, ZSHCOMPDIR and FISHCOMPDIR may be given; flags are appended to what the tools need. NO_DEPS=1 keeps
# every target from installing packages. BUILD may be any directory.
#
# The environment that tests see (set here, read by tests/check.sh and the .bats files):
#   VT_BIN    directory of the tools under test, absolute        (default: build/bin)
#   VT_BUILD  build directory, absolute: test tools are in $VT_BUILD/tests   (default: build)
#   VT_WRAP   command line put before every tool, for example valgrind with its options (default: empty)
#   VT_SLOW   factor for every time limit: 1 normally, 4 with sanitizers, 20 under valgrind
#   VT_SOAK   1 in soak runs: tests scale up their counts
#   PYTHON    a python3 that has the modules the test peers need

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d

BUILD ?= build
PKG_CONFIG ?= pkg-config
INSTALL ?= install
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
VT_SLOW ?= 1
SHARED ?= ../shared
OS := $(shell uname -s)
NPROC := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# ---- libraries -------------------------------------------------------------------------------------------------

# What is wished for is installed; what was found says nothing about that.
DEPS_ENV := WITH_LIBCRYPTO='$(WITH_LIBCRYPTO)' WITH_IPSEC_MB='$(WITH_IPSEC_MB)' WITH_LIBMNL='$(WITH_LIBMNL)'

pkg_found = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo 1)
MSGPACK := $(if $(call pkg_found,msgpack-c),msgpack-c,msgpack)
WITH_LIBCRYPTO ?= $(if $(call pkg_found,libcrypto),1,0)
override WITH_LIBCRYPTO := $(if $(filter 0,$(WITH_LIBCRYPTO)),0,1)
# Loaded when it is needed, under the name that it gives itself; where the linker's tools do not tell, or with
# LIBCRYPTO_SO= (a static program cannot load), it is linked.
LIBCRYPTO_SO ?= $(if $(filter 1,$(WITH_LIBCRYPTO)),$(shell objdump -p \
    "$$($(CC) $$($(PKG_CONFIG) --libs-only-L libcrypto) -print-file-name=libcrypto.so)" 2>/dev/null | sed -n 's/^ *SONAME *//p'))
# For CPUs with vector AES instructions; loaded likewise.
WITH_IPSEC_MB ?= $(if $(filter Linux,$(OS)),$(shell printf '\043include <intel-ipsec-mb.h>\n' | \
    $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo 1),0)
override WITH_IPSEC_MB := $(if $(filter 1,$(WITH_IPSEC_MB)),1,0)
# Linux only: links, addresses and routes as the kernel tells them.
WITH_LIBMNL ?= $(if $(filter Linux,$(OS)),$(if $(call pkg_found,libmnl),1,0),0)
override WITH_LIBMNL := $(if $(filter 0,$(WITH_LIBMNL)),0,1)

PKGS := libsodium libzstd $(MSGPACK) jansson $(if $(filter 1,$(WITH_LIBMNL)),libmnl)
CRYPTO_PKG := $(if $(filter 1,$(WITH_LIBCRYPTO)),libcrypto)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) $(CRYPTO_PKG) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) $(if $(LIBCRYPTO_SO),,$(CRYPTO_PKG)) 2>/dev/null)
# (In the C library itself since glibc 2.34.)
DL_LIBS := $(if $(filter Linux,$(OS)),-ldl)
# libev has no .pc file on Debian.
EV_LIBS := $(if $(call pkg_found,libev),$(shell $(PKG_CONFIG) --libs libev),-lev)
EV_CFLAGS := $(if $(call pkg_found,libev),$(shell $(PKG_CONFIG) --cflags libev))

# ---- flags -----------------------------------------------------------------------------------------------------

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
# Fortified unless the packager chose a level, or nothing is optimised, or a sanitizer watches.
FORTIFY = $(if $(filter -O0 -D_FORTIFY_SOURCE% -Wp%_FORTIFY_SOURCE%,$(CFLAGS) $(CPPFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
ifdef SANITIZE
OPT = -O1 -g -fno-omit-frame-pointer -U_FORTIFY_SOURCE -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DSANDBOX_SANITIZED
LINK_SAN = -fsanitize=$(SANITIZE)
else
OPT = -O2 -g $(FORTIFY) -fstack-protector-strong
endif
ifeq ($(OS),Darwin)
HARDEN_LINK = -Wl,-dead_strip_dylibs
else
HARDEN_LINK = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
endif

VT_CPPFLAGS = -D_GNU_SOURCE -Ilib -DWITH_LIBCRYPTO=$(WITH_LIBCRYPTO) -DWITH_LIBMNL=$(WITH_LIBMNL) \
    -DWITH_IPSEC_MB=$(WITH_IPSEC_MB) $(if $(LIBCRYPTO_SO),-DLIBCRYPTO_SO=$(LIBCRYPTO_SO)) \
    $(PKG_CFLAGS) $(EV_CFLAGS) $(CPPFLAGS)
COMPILE = $(CC) -std=c11 $(VT_CPPFLAGS) $(OPT) -fPIE $(WARN) $(CFLAGS)
LINK = $(CC) $(LINK_SAN) $(HARDEN_LINK) $(CFLAGS) $(LDFLAGS)
LIBS = $(PKG_LIBS) $(EV_LIBS) $(DL_LIBS) $(LDLIBS)
FUZZ_SAN = address,undefined
FUZZ_COMPILE = $(FUZZ_CC) -std=c11 $(VT_CPPFLAGS) -O1 -g -fno-omit-frame-pointer $(WARN) -fno-sanitize-recover=all

ifdef V
say =
else
say = @printf '  %-6s %s\n' $(1) $(2);
endif

# ---- sources by wildcard: a new file is picked up by itself ------------------------------------------------------

LIB_SRC := $(sort $(wildcard lib/*.c lib/*/*.c))
LIB_OBJ := $(LIB_SRC:lib/%.c=$(BUILD)/%.o)
LIBVAULT := $(BUILD)/libvault.a
TOOLS := $(sort $(patsubst cmd/%.c,%,$(wildcard cmd/vault-*.c)))
# What tools share, as an archive: each tool takes only what it uses.
CMD_COMMON := $(BUILD)/cmd/common.a
CMD_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out cmd/vault-%,$(sort $(wildcard cmd/*.c))))
UNITS := $(patsubst tests/unit/test_%.c,$(BUILD)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_COMMON := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%,$(sort $(wildcard tests/unit/*.c))))
# tests/tools: NAME.c is a program, NAME_part.c belongs to it.
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
TEST_TOOLS := $(foreach s,$(TOOL_SRC:tests/tools/%.c=%),$(if $(findstring _,$(s)),,$(BUILD)/tests/$(s)))
tool_parts = $(patsubst %.c,$(BUILD)/%.o,$(filter tests/tools/$(1).c tests/tools/$(1)_%,$(TOOL_SRC)))
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZERS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
REPLAYS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%-replay)
FUZZ_LIB_OBJ := $(LIB_SRC:lib/%.c=$(BUILD)/fuzz/obj/lib/%.o)

.PHONY: all demo check unit vectors bats corpus asan valgrind layers lint soak fuzz install uninstall clean help deps
.PHONY: tests fuzzers run-checks print-flags fuzz-deps build-deps test-deps bench bench-udp bench-server bench-deps bench-programs FORCE
.SECONDARY:
.DELETE_ON_ERROR:

all: $(TOOLS:%=$(BUILD)/bin/%) $(LIBVAULT)
tests: all $(UNITS) $(TEST_TOOLS) $(REPLAYS)
fuzzers: $(FUZZERS)

# ---- compiling ---------------------------------------------------------------------------------------------------

quote = '$(subst ','\'',$(strip $(1)))'
write_if_changed = mkdir -p $(@D); printf '%s\n' $(call quote,$(1)) | cmp -s - $@ || printf '%s\n' $(call quote,$(1)) >$@

# Every object depends on this file: a change of compiler, flags or features rebuilds. It also is where a missing
# library is said, before anything is compiled.
$(BUILD)/flags: FORCE
	@WITH_LIBCRYPTO=$(WITH_LIBCRYPTO) PKG_CONFIG='$(PKG_CONFIG)' CC='$(CC)' CPPFLAGS=$(call quote,$(CPPFLAGS)) \
	    tests/deps.sh --libraries
	@$(call write_if_changed,$(COMPILE) $(LINK) $(LIBS) $(FUZZ_COMPILE))

# A removed source file must leave the library, too.
$(BUILD)/sources: FORCE
	@$(call write_if_changed,$(LIB_SRC) $(CMD_OBJ))

$(BUILD)/%.o: lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/cmd/%.o: cmd/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<

$(LIBVAULT): $(LIB_OBJ) $(BUILD)/sources
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

$(CMD_COMMON): $(CMD_OBJ) $(BUILD)/sources
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(CMD_OBJ)

$(BUILD)/bin/%: $(BUILD)/cmd/%.o $(CMD_COMMON) $(LIBVAULT)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/test_%.o $(UNIT_COMMON) $(LIBVAULT)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

.SECONDEXPANSION:
$(TEST_TOOLS): $(BUILD)/tests/%: $$(call tool_parts,$$*) $(LIBVAULT)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/bench/bareloop: $(BUILD)/tests/bench/bareloop.o $(LIBVAULT)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/bench/tlsload: $(BUILD)/tests/bench/tlsload.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(if $(filter 1,$(WITH_LIBCRYPTO)),$(shell $(PKG_CONFIG) --libs libssl libcrypto 2>/dev/null)) $(LDLIBS)

$(BUILD)/bench/helloload: $(BUILD)/tests/bench/helloload.o $(LIBVAULT)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/bench/onlysodium: $(BUILD)/tests/bench/onlysodium.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(shell $(PKG_CONFIG) --libs libsodium 2>/dev/null) $(LDLIBS)

$(BUILD)/bench/pingpong: $(BUILD)/tests/bench/pingpong.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/udploop: $(BUILD)/tests/bench/udploop.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(shell $(PKG_CONFIG) --libs libsodium 2>/dev/null) $(LDLIBS)

$(REPLAYS): $(BUILD)/fuzz/%-replay: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/main.o $(LIBVAULT)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/fuzz/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)$(FUZZ_COMPILE) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -MMD -MP -c -o $@ $<

$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(FUZZ_LIB_OBJ)
	$(call say,LINK,$@)$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SAN) -o $@ $^ $(LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- running -----------------------------------------------------------------------------------------------------

# A recursive make uses all processors unless the caller gave -j. Packages that `deps` installs are only seen by a new
# make, hence the recursion.
REMAKE = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(NPROC))
ABS_BUILD = $(abspath $(BUILD))
CHECK_ENV = VT_BUILD='$(ABS_BUILD)' VT_BIN='$(ABS_BUILD)/bin' VT_SLOW='$(VT_SLOW)' SHARED='$(SHARED)'

deps: ## install what building and testing need (only what is missing)
	@$(DEPS_ENV) tests/deps.sh build test

build-deps:
	@$(if $(NO_DEPS),:,$(DEPS_ENV) tests/deps.sh build)

test-deps:
	@$(if $(NO_DEPS),:,$(DEPS_ENV) tests/deps.sh build test)

demo: build-deps ## build, then show an encrypted transfer and a cut one
	@$(REMAKE) all
	@VT_BIN='$(ABS_BUILD)/bin' tests/demo.sh

check: test-deps ## build and run all tests: unit, vectors, corpus, bats
	@$(REMAKE) tests
	@$(CHECK_ENV) tests/check.sh unit vectors corpus bats

unit vectors bats corpus: tests ## run one kind of test
	@$(CHECK_ENV) tests/check.sh $@

# For the variants below: everything again in another directory.
run-checks: tests
	@$(CHECK_ENV) tests/check.sh $(KINDS)

asan: test-deps ## all tests with address and undefined-behaviour sanitizers
	@ASAN_OPTIONS=detect_leaks=1:$$ASAN_OPTIONS UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS $(REMAKE) \
	    BUILD='$(BUILD)-asan' SANITIZE=address,undefined VT_SLOW=4 KINDS='unit vectors corpus bats' run-checks

valgrind: test-deps ## unit tests and bats with every program under valgrind
	@$(if $(NO_DEPS),:,tests/deps.sh valgrind)
	@VT_WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
	    $(REMAKE) VT_SLOW=20 KINDS='unit bats' run-checks

soak: test-deps ## unit tests and bats with large counts, then a longer fuzz
	@VT_SOAK=1 $(REMAKE) VT_SLOW=10 KINDS='unit bats' run-checks
	@$(REMAKE) FUZZ_SECONDS=600 fuzz

fuzz-deps:
	@$(if $(NO_DEPS),:,$(DEPS_ENV) FUZZ_CC='$(FUZZ_CC)' tests/deps.sh build fuzz)

fuzz: fuzz-deps ## every fuzz target for FUZZ_SECONDS seconds
	@$(REMAKE) fuzzers
	@VT_BUILD='$(ABS_BUILD)' FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(FUZZ_NAMES)

bench-programs: all $(BUILD)/bench/bareloop $(BUILD)/bench/pingpong $(BUILD)/bench/onlysodium $(BUILD)/tests/relay

bench: build-deps ## measure against other tools: BENCH_MIB BENCH_ROUNDS BENCH_TOOLS BENCH_PARTS BENCH_JSON BENCH_BEHAVIOUR
	@$(REMAKE) bench-programs >&2
	@VT_BUILD='$(ABS_BUILD)' VT_BIN='$(ABS_BUILD)/bin' tests/bench/bench.py

bench-udp: build-deps ## the same for messages over UDP: BENCH_MESSAGES BENCH_ROUNDS BENCH_MTU BENCH_SIZE BENCH_TOOLS BENCH_JSON
	@$(REMAKE) all $(BUILD)/bench/udploop $(BUILD)/tests/udpflood >&2
	@VT_BUILD='$(ABS_BUILD)' VT_BIN='$(ABS_BUILD)/bin' tests/bench/udp.py

bench-server: build-deps ## what a listener does for many: BENCH_ROUNDS BENCH_HANDSHAKES BENCH_HELD BENCH_MIB BENCH_CLIENTS BENCH_TOTAL BENCH_JSON
	@$(REMAKE) all $(BUILD)/bench/tlsload $(BUILD)/bench/helloload $(BUILD)/tests/swarm >&2
	@VT_BUILD='$(ABS_BUILD)' VT_BIN='$(ABS_BUILD)/bin' tests/bench/server.py

bench-deps: ## install the other tools that bench knows (Debian)
	@tests/deps.sh bench

layers: all ## prove that calls and includes only go down
	@$(if $(SANITIZE),echo 'make layers: needs a build without SANITIZE' >&2; exit 1,:)
	@tests/layers.sh '$(BUILD)'

# What tests/lint.sh compiles with.
print-flags:
	@printf '%s\n' $(call quote,-std=c11 $(VT_CPPFLAGS) $(OPT) -fPIE $(WARN))

lint: ## compilers with -Werror, static analysis, shell, man pages, whitespace
	@$(if $(NO_DEPS),:,$(DEPS_ENV) tests/deps.sh build test lint)
	@tests/lint.sh

# ---- installing --------------------------------------------------------------------------------------------------

MAN_PAGES := $(sort $(wildcard man/*.[1-9]))
COMPLETED := $(foreach t,$(TOOLS),$(wildcard completions/$(t).bash completions/_$(t) completions/$(t).fish))
man_to = $(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))
completion_to = $(DESTDIR)$(if $(filter %.bash,$(1)),$(BASHCOMPDIR)/$(basename $(notdir $(1))),$(if \
    $(filter %.fish,$(1)),$(FISHCOMPDIR),$(ZSHCOMPDIR))/$(notdir $(1)))
put = $(INSTALL) -d "$(dir $(3))" && $(INSTALL) -m $(1) $(2) "$(3)"

install: all ## PREFIX=/usr/local DESTDIR=
	@set -e; \
	$(foreach t,$(TOOLS),$(call put,755,$(BUILD)/bin/$(t),$(DESTDIR)$(BINDIR)/$(t));) \
	$(foreach m,$(MAN_PAGES),$(call put,644,$(m),$(call man_to,$(m)));) \
	$(foreach c,$(COMPLETED),$(call put,644,$(c),$(call completion_to,$(c)));)

uninstall: ## remove what install put there
	rm -f $(foreach t,$(TOOLS),"$(DESTDIR)$(BINDIR)/$(t)") $(foreach m,$(MAN_PAGES),"$(call man_to,$(m))") \
	    $(foreach c,$(COMPLETED),"$(call completion_to,$(c))")

clean: ## remove build directories
	rm -rf '$(BUILD)' '$(BUILD)-asan'

help: ## this list
	@sed -n 's/^\([a-z -]*\):.* ## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-28s %s\n", $$1, $$2 }'
	@echo '  variables: CC CFLAGS LDFLAGS BUILD WITH_LIBCRYPTO=0|1 WITH_IPSEC_MB=0|1 WITH_LIBMNL=0|1 FUZZ_SECONDS PREFIX DESTDIR V=1 NO_DEPS=1'
