/*
 * code: one-time codes as people see and type them: eight characters in two groups, "7K3M-9QXF", 40 bits.
 *
 * The characters are the digits and the letters without I, L, O and U; when typed, case, blanks and dashes do not
 * count, and I, L and O are taken for the digits that they look like. (Crockford's base 32.)
 */
#ifndef CODE_H
#define CODE_H

#include <stdbool.h>

#include "proto/error.h"
#include "proto/handshake.h"
#include "socket.h"

#define CODE_CHARS 8
#define CODE_TEXTMAX 10
#define CODE_GUESSES 3
#define CODE_LIFE_MS (INT64_C(10) * 60 * 1000)

/* Where a code is asked for. */
struct code_source {
	const char *file; /* or NULL */
	int fd;		  /* or -1; read up to the end of its first line only */
	/* Neither: at the terminal. */
};

/* A new one, in guarded memory: secret_free(). NULL if there is no memory. */
struct handshake_code *code_new(void);

/* As text, to be wiped. */
char *code_text(char out[CODE_TEXTMAX], const struct handshake_code *code);

/* Read what a person wrote, ${n} bytes. 0, or -1: that is no code. Pure. */
int code_parse(struct handshake_code *code, const char *text, size_t n) __attribute__((warn_unused_result));

/* Ask for one: *${out} is to be freed with secret_free(). 0, or -1 with ERROR_USAGE (no terminal, or no code),
 * ERROR_IO, or ERROR_SAFETY (others can read the file). */
int code_ask(struct handshake_code **out, const struct code_source *from, struct error *e)
    __attribute__((warn_unused_result));

/* What this machine calls itself, or "HOST"; in the sandbox nobody can be asked. */
char *code_here(char out[ADDRESS_HOSTMAX]);

/* Tell people the code and what to type on the other side, once, on stderr. ${here}: by code_here(). */
void code_show(const struct handshake_code *code, const struct socket_listeners *at, const char *here, int64_t life_ms);

/* It was used: nobody can use it again. */
void code_spend(struct handshake_code *code);

#endif
