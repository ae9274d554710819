/*
 * judge: does policy accept the peer's key? The rules of cli.md (--trust, -r, -a), in one place.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdbool.h>

#include "proto/session.h"
#include "trust.h"

#define JUDGE_TEXTMAX 4096

enum judge_trust {
	JUDGE_NEW = 0, /* an unknown server key is remembered */
	JUDGE_STRICT,  /* refused */
	JUDGE_ANY,     /* accepted with a warning, not remembered */
};

/* ---- a client's view of servers ---- */

struct judge_server {
	enum judge_trust trust;
	bool pinned;
	struct key pin;		 /* -r */
	const char *known_hosts; /* path */
	char name[TRUST_NAME_MAX];
	struct trust_list list;
	bool psk; /* a pre-shared key authenticates as well */
	bool code, remember; /* a one-time code does; and only if that is asked for, the key is remembered */
	bool failed;	     /* it was asked for, and our file could not be written */
	/* by judge_server_prepare() */
	bool prepared;
	int fresh;		 /* a file that will become known_hosts, or -1 if there is one */
	struct error unprepared; /* why an unknown key cannot be remembered */
};

/* Load what is known of the server. 0 or -1. */
int judge_server_load(struct judge_server *j, struct error *e) __attribute__((warn_unused_result));

/* The key that the server is expected to have, as X25519 (pinned, else the one remembered); false
 * if there is none or more than one. */
bool judge_server_expected(const struct judge_server *j, uint8_t x25519[KEY_BYTES]);

/* The verdict: NULL if the server may be talked to, else why not (in ${why}). */
const char *judge_server_verdict(const struct judge_server *j, const struct session_peer *peer,
    bool is_25519, char why[JUDGE_TEXTMAX]);

/* May a key have to be remembered? Then see to it that this is possible in a sandbox: j->fresh gets
 * its name, or known_hosts is opened. False if not, or if it cannot be done, which is told when a
 * key comes. */
bool judge_server_prepare(struct judge_server *j);

/* The session is up: remember the key or warn, as the rules say, before any data is sent. NULL, or why
 * (in ${why}) the server must not be talked to after all. A key remembered is in j->list from then on. */
const char *judge_server_ready(struct judge_server *j, const struct session_peer *peer, bool is_25519,
    char why[JUDGE_TEXTMAX]);

/* Another key than expected answered the first message: say what it is. */
const char *judge_server_changed(const struct judge_server *j, const struct session_peer *peer,
    char why[JUDGE_TEXTMAX]);

void judge_server_free(struct judge_server *j);

/* ---- a listener's view of clients ---- */

struct judge_client {
	bool everyone; /* no list: anyone may connect */
	enum rule_service serves;
	struct trust_list list;
	const char *path;
	const char *psk_path; /* of the pre-shared keys, or NULL */
};

/* NULL if the client may have what is served, else why not (in ${why}; with file and line, so not for the client). */
const char *judge_client_verdict(const struct judge_client *j, const struct session_peer *peer,
    bool is_25519, char why[JUDGE_TEXTMAX]);

/* The best text of a peer's key ("vk1...", else "vx1...", else "no key") and its fingerprint. */
void judge_peer_key(const struct session_peer *peer, bool is_25519, struct key *k);
char *judge_peer_text(const struct session_peer *peer, bool is_25519, char out[KEYTEXT_MAX]);

#endif
