/*
 * code_args: the options about one-time codes, and what cannot go with them.
 */
#ifndef CODE_ARGS_H
#define CODE_ARGS_H

#include "common.h"
#include "run/code.h"
#include "stream_args.h"

/* Values of the options; a tool's own begin at CODE_OWN. */
enum { CODE_CODE = ARGS_OWN, CODE_FILE, CODE_FD, CODE_REMEMBER, CODE_COPY_ID, CODE_OWN };

#define CODE_LONGS {"code", no_argument, NULL, CODE_CODE}, {"remember", no_argument, NULL, CODE_REMEMBER}
#define CODE_LONGS_CONNECT \
	CODE_LONGS, {"code-file", required_argument, NULL, CODE_FILE}, {"code-fd", required_argument, NULL, CODE_FD}, \
	    {"copy-id", no_argument, NULL, CODE_COPY_ID}
#define CODE_HELP_LISTEN \
	"      --code                  show a one-time code, good for 10 minutes, one client and 3 guesses; the\n" \
	"                              client needs nothing else: vault-connect --code\n" \
	"      --remember              with --code: add the client's key to the authorized keys, if it asks\n" \
	"                              for that, so that the code is needed once\n"
#define CODE_HELP_CONNECT \
	"      --code                  ask for the one-time code that the listener shows; no key is needed\n" \
	"      --code-file FILE        read that code from FILE\n" \
	"      --code-fd N             or from descriptor N, up to the end of its line\n" \
	"      --remember              with a code: remember each other's keys, so that it is needed once\n" \
	"      --copy-id               with a code: only have that done; no data is sent\n"

struct code_args {
	bool code, remember, copy_id;
	struct code_source source; /* fd is -1 unless it was given */
};

/* Take one of these options. 0, COMMON_USAGE after the error was printed, or -1: it is another option. */
int code_args_take(struct code_args *c, int option, const struct common_args *a);

/* What cannot go together, after all options. 0 or COMMON_USAGE. */
int code_args_check_connect(const struct code_args *c, const struct common_args *a);
/* The same for a listener: ${keys} is how --authorized-keys was given, or NULL; ${accept_ms} gets the code's life. */
int code_args_check_listen(const struct code_args *c, const struct common_args *a, const char *keys, bool many, bool user,
    int accept_option, int64_t *accept_ms);

/* When the keys are loaded: is there an identity to be remembered? 0 or -1. */
int code_args_identity(const struct code_args *c, const struct stream_args *s, struct error *e)
    __attribute__((warn_unused_result));

#endif
