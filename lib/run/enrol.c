#include "enrol.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge.h"
#include "log.h"

int enrol_prepare(struct enrol *en, struct error *e)
{
	struct trust_list list;
	int rc;

	en->fresh = -1;
	if (!en->wanted)
		return 0;
	rc = trust_authorized_load(&list, en->path, e);
	trust_free(&list);
	return rc < 0 ? -1 : trust_known_prepare(en->path, &en->fresh, e);
}

/* The line that is there already may not let it in again: what is wrong with it, or NULL. */
static const char *useless(const struct enrol *en, const uint8_t key[KEY_BYTES], unsigned *line)
{
	struct error ignored = {0};
	const struct trust_entry *entry = NULL;
	struct trust_list list;
	const char *what = NULL;

	if (trust_authorized_load(&list, en->path, &ignored) == 0)
		entry = trust_authorized_find(&list, key);
	if (entry && rule_expired(&entry->rule))
		what = "has expired";
	else if (entry && rule_only_for(&entry->rule, en->serves))
		what = "is only for something else";
	if (what)
		*line = entry->line;
	trust_free(&list);
	return what;
}

static void comment_of(char out[KEYFILE_COMMENT_MAX])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(out, KEYFILE_COMMENT_MAX, "code-%Y-%m-%d", &utc);
}

static void store(struct enrol *en, struct conn *c, const struct key *k)
{
	char comment[KEYFILE_COMMENT_MAX], text[KEYTEXT_MAX], print[FINGERPRINT_MAX];
	struct error e = {0};
	const char *what;
	unsigned line = 0;
	int rc;

	comment_of(comment);
	rc = trust_authorized_add(en->path, en->fresh, k, comment, &e);
	if (rc < 0) {
		en->failed = true;
		log_error("%s: cannot remember the client's key: %s", c->peer, e.text);
		return;
	}
	what = rc > 0 ? useless(en, session_peer(&c->session)->key, &line) : NULL;
	if (what) {
		log_warn("%s: the client's key is not remembered: it is there already and %s (%s:%u)", c->peer, what, en->path, line);
		return;
	}
	session_remembered(&c->session);
	keytext_format(text, k);
	if (key_fingerprint(print, k) != KEYTEXT_OK)
		print[0] = '\0';
	log_warn("%s: the client's key %s (fingerprint %s) %s %s", c->peer, text, print, rc > 0 ? "stands already in" : "added to",
	    en->path);
}

void enrol_client(struct enrol *en, struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);
	struct key k;

	judge_peer_key(peer, c->session.protocol.dh == DH_25519, &k);
	if (!en->wanted)
		return;
	if (!peer->remember)
		log_warn("%s: the client does not ask to be remembered: there it takes vault-connect --remember", c->peer);
	else if (k.form == KEY_NONE || peer->throwaway)
		log_warn("%s: the client has a throw-away key, which is not remembered: run vault-keygen there", c->peer);
	else
		store(en, c, &k);
}

void enrol_free(struct enrol *en)
{
	if (en->wanted && en->fresh >= 0)
		close(en->fresh);
	en->fresh = -1;
}
