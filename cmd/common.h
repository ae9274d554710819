/*
 * common: the habits that all tools share (options, their arguments, help, version, exit).
 */
#ifndef COMMON_H
#define COMMON_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/error.h"

#define COMMON_VERSION "0.1.0"
#define COMMON_WHY_MAX 160
#define COMMON_USAGE 2 /* exit status */
#define COMMON_DURATION_MAX (INT64_C(10) * 365 * 24 * 3600 * 1000) /* ms, ten years */

/* ---- the option loop ---- */

#define COMMON_OPTIONS 512 /* option values are below this; long options without a letter: 256 up */

struct common_args {
	const char *prog;            /* "vault-keygen" */
	const char *shorts;          /* getopt(3) letters, without a leading '+', '-' or ':' */
	const struct option *longs;  /* ends in zeros */
	const int *repeatable;       /* values that may be given more than once, 0 at the end; or NULL */
	int argc;
	char **argv;

	/* Set by common_next(): the option just returned. */
	const char *name;            /* as it was typed: "-w" or "--handshake-timeout" */
	const char *value;           /* its argument, or NULL */

	/* Set once common_next() has returned 0. Operands are those before "--", which may stand
	 * between options; ${rest} is what follows "--" (NULL if there was no "--"). */
	char **operands;
	int noperands;
	char **rest;
	int nrest;

	/* Private. */
	uint8_t seen[COMMON_OPTIONS];
	char typed[64];
};

/* The next option's value; 0 at the end; -1 after a usage error has been printed (then return
 * COMMON_USAGE). Unknown, abbreviated and needlessly repeated options are such errors. */
int common_next(struct common_args *a);

/* Was the option with this value given? */
bool common_given(const struct common_args *a, int value);

/* Print "PROG: text" and "Try 'PROG --help'." to stderr. Returns COMMON_USAGE. */
int common_usage(const char *prog, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for the option just returned: "PROG: --port: why". */
int common_bad(const struct common_args *a, const char *why);

/* A usage error "--this and --that cannot be used together" if both texts are not NULL.
 * Returns COMMON_USAGE, or 0 if there is no conflict. */
int common_conflict(const char *prog, const char *one, const char *other);

/* ---- arguments: 0, or -1 with the reason in ${why} ("'99999' is out of range 0..65535") ---- */

/* A decimal integer: digits with an optional '-' (if ${min} is negative), nothing else. */
int common_int(int64_t *out, const char *text, int64_t min, int64_t max, char why[COMMON_WHY_MAX]);

/* A duration in milliseconds: 500ms, 10 or 10s, 5m, 2h; 0 = never. At most ${max} ms. */
int common_duration(int64_t *out, const char *text, int64_t max, char why[COMMON_WHY_MAX]);

/* A size in bytes: 512, 64K, 10M, 1G (of 1024). */
int common_size(uint64_t *out, const char *text, uint64_t min, uint64_t max, char why[COMMON_WHY_MAX]);

/* A port: 0..65535, or 1..65535 unless ${zero}. */
int common_port(uint16_t *out, const char *text, bool zero, char why[COMMON_WHY_MAX]);

/* The same for the argument of the option just returned: they print the usage error themselves.
 * 0, or COMMON_USAGE. */
int common_opt_int(const struct common_args *a, int64_t *out, int64_t min, int64_t max);
int common_opt_duration(const struct common_args *a, int64_t *out);
int common_opt_size(const struct common_args *a, uint64_t *out, uint64_t min, uint64_t max);
int common_opt_port(const struct common_args *a, uint16_t *out, bool zero);
/* A descriptor from 3 up, which must be open. */
int common_opt_fd(const struct common_args *a, int *out);
/* The same for one that is read: 0 is allowed. */
int common_opt_input(const struct common_args *a, int *out);

/* ---- output and exit ---- */

/* Print "PROG: text" to stderr; the text is made printable. */
void common_warn(const char *prog, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print "PROG: text" of the error. Returns its exit status. */
int common_fail(const char *prog, const struct error *e);

/* After all was told: print "Try 'PROG --help'." if ${status} is that of a usage error, such as one
 * that showed only when files were read. Returns ${status}. */
int common_try(const char *prog, int status);

/* Print the version and the features to stdout. ${features} (may be NULL) is added to the second
 * line, for example "libcrypto 3.0.22, ipsec-mb 1.3.0, zstd 1.5.4". Returns the exit status. */
int common_version(const char *prog, const char *features);

/* Print a help text to stdout. Returns the exit status. */
int common_help(const char *prog, const char *const parts[]);

/* Before a secret is printed: 0, or -1 (ERROR_SAFETY) if stdout is a terminal and ${terminal} does
 * not allow that. Warns if stdout is a file that others can open. */
int common_secret_output(const char *prog, bool terminal, struct error *e);

/* To be called last: flush and close stdout. Returns ${status}, or 1 with a message if something
 * written to stdout got lost and ${status} is 0. */
int common_close_stdout(const char *prog, int status);

/* Print one JSON object and a newline to stdout, and release it (NULL: there was no memory).
 * 0 or -1. */
int common_json_print(json_t *object, struct error *e);

/* Add a text that need not be UTF-8, such as a path, made printable. */
void common_json_text(json_t *object, const char *name, const char *text);

/* Let JSON values live in guarded memory from now on; before the first value is made. */
void common_json_guard(void);

/* The last word of main(): a status that stands for INT, TERM or HUP makes the process end by that
 * very signal, so that a shell's loop ends with it. Otherwise returns ${status}. */
int common_exit(int status);

/* At the start of main(): secrets stay out of core dumps and away from debuggers; a full disk, a
 * file size limit or a closed pipe becomes an error of write(2) instead of a signal; libsodium is
 * ready; descriptors 0, 1 and 2 are open. SIGUSR1 is ignored until somebody handles it. SIGPIPE, SIGXFSZ and
 * SIGUSR1 stay ignored across exec: give a child its defaults back. 0, or 1 with a message printed. */
int common_init(const char *prog);

#endif
