/*
 * error: what went wrong, whose fault it was, and a sentence for a person.
 *
 * The code decides the exit status (cli.md); the text names the thing at fault.
 * The first error of a session is sticky: error_set() does nothing on a struct already set.
 */
#ifndef ERROR_H
#define ERROR_H

#include <stdbool.h>

#define ERROR_TEXTMAX 800

/* name, exit status, short name for events */
#define ERROR_MAP(X) \
	X(OK, 0, "ok") \
	X(IO, 1, "io") /* local input or output failed */ \
	X(USAGE, 2, "usage") \
	X(NETWORK, 3, "network") /* cannot resolve, bind, connect; busy; closed in the handshake */ \
	X(TIMEOUT, 4, "timeout") \
	X(AUTH, 5, "auth") /* key, psk, code; no common protocol that policy allows */ \
	X(TRUNCATED, 6, "truncated") \
	X(PEER, 7, "peer") /* the peer reported failure */ \
	X(PROTOCOL, 8, "protocol") /* malformed, forged or out of place */ \
	X(SAFETY, 9, "safety") /* refused for safety */

enum error_code {
#define X(name, status, text) ERROR_##name,
	ERROR_MAP(X)
#undef X
};

enum error_blame {
	BLAME_NONE = 0,
	BLAME_LOCAL,
	BLAME_PEER,
	BLAME_AUTH,
};

struct error {
	enum error_code code;
	enum error_blame blame;
	char text[ERROR_TEXTMAX];
};

/* Record an error, unless ${e} (may be NULL) holds one already. Always returns -1. */
int error_set(struct error *e, enum error_code code, enum error_blame blame, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The exit status of cli.md that belongs to a code. */
int error_status(enum error_code code);

/* Short name for events and JSON: "timeout" and so on. */
const char *error_name(enum error_code code);

#endif
