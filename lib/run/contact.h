/*
 * contact: how a server is approached and whether it is the right one. What one session of
 * vault-connect and each of many (-L) have in common before data flows.
 */
#ifndef CONTACT_H
#define CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"
#include "conn.h"
#include "sandbox.h"

struct contact {
	struct client_options *o;
	struct noise_protocol protocol;
	uint8_t expected[KEY_BYTES]; /* the server's key, if it is known */
	bool has_expected;
	bool looking; /* a second try that only finds out which key the server has */
};

/* Set all but o from what is known now: the default protocol depends on it. 0 or -1. */
int contact_choose(struct contact *k, struct error *e) __attribute__((warn_unused_result));

/* The server could not read our first message: it has not the key that we expect. Which one it has, only
 * another pattern tells: ask with that, and refuse whatever comes. */
int contact_look(struct contact *k, struct error *e) __attribute__((warn_unused_result));
bool contact_key_was_wrong(const struct contact *k, const struct session *s);

/* Could that happen? (Then a second connection may be needed.) */
bool contact_wants_known_key(const struct contact *k);

bool contact_is_25519(const struct contact *k);

/* Add what remembering the server's key needs, if that may happen. */
void contact_needs(const struct contact *k, struct sandbox_needs *needs);

/* What of a session's configuration is about this; ${k} must outlive it. ${deadline} (clock_ms() time, -1 =
 * none) is for the handshake. */
void contact_configure(const struct contact *k, struct session_config *config, int64_t deadline);

/* SESSION_JUDGE: the verdict on the server's key. */
void contact_judge(const struct contact *k, struct conn *conn);

/* The session is up: tell, and remember the key or warn, before any data is sent. 0, or -1 if the server
 * must not be talked to after all (then the session is aborted). */
int contact_ready(const struct contact *k, struct conn *conn) __attribute__((warn_unused_result));

#endif
