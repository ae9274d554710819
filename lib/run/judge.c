#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pskfile.h"

void judge_peer_key(const struct session_peer *peer, bool is_25519, struct key *k)
{
	memset(k, 0, sizeof *k);
	if (!peer->has_key || !is_25519)
		return;
	k->form = peer->has_identity ? KEY_PUBLIC : KEY_XPUBLIC;
	memcpy(k->bytes, peer->has_identity ? peer->identity : peer->key, KEY_BYTES);
}

char *judge_peer_text(const struct session_peer *peer, bool is_25519, char out[KEYTEXT_MAX])
{
	struct key k;

	judge_peer_key(peer, is_25519, &k);
	if (k.form == KEY_NONE)
		snprintf(out, KEYTEXT_MAX, peer->has_key ? "a throw-away key" : "no key");
	else
		keytext_format(out, &k);
	return out;
}

static const char *fingerprint(char out[FINGERPRINT_MAX], const struct key *k)
{
	if (key_fingerprint(out, k) != KEYTEXT_OK)
		snprintf(out, FINGERPRINT_MAX, "?");
	return out;
}

int judge_server_load(struct judge_server *j, struct error *e)
{
	if (j->pinned)
		return 0;
	return trust_known_load(&j->list, j->known_hosts, j->name, e);
}

void judge_server_free(struct judge_server *j)
{
	trust_free(&j->list);
	if (j->prepared && j->fresh >= 0)
		close(j->fresh);
	j->prepared = false;
}

bool judge_server_expected(const struct judge_server *j, uint8_t x25519[KEY_BYTES])
{
	if (j->pinned)
		return key_x25519_public(x25519, &j->pin) == KEYTEXT_OK;
	if (j->list.count != 1)
		return false;
	memcpy(x25519, j->list.entries[0].x25519, KEY_BYTES);
	return true;
}

const char *judge_server_changed(const struct judge_server *j, const struct session_peer *peer,
    char why[JUDGE_TEXTMAX])
{
	char now[FINGERPRINT_MAX], old[FINGERPRINT_MAX], text[KEYTEXT_MAX];
	struct key k;

	judge_peer_key(peer, true, &k);
	if (!j->pinned && j->list.entries[0].line == 0)
		snprintf(why, JUDGE_TEXTMAX,
		    "the key of %s has CHANGED since it was remembered in %s: then fingerprint %s, now %s. Somebody may be in "
		    "between; if the change is right, remove that line and start again",
		    j->name, j->known_hosts, fingerprint(old, &j->list.entries[0].key), fingerprint(now, &k));
	else if (j->pinned)
		snprintf(why, JUDGE_TEXTMAX,
		    "%s has not the key given with --remote-key: expected fingerprint %s, it has %s (%s): ask its owner which "
		    "one is right", j->name,
		    fingerprint(old, &j->pin), fingerprint(now, &k), judge_peer_text(peer, true, text));
	else
		snprintf(why, JUDGE_TEXTMAX,
		    "the key of %s has CHANGED: remembered fingerprint %s (%s:%u), now %s. Somebody may be in between; "
		    "if the change is right, remove that line: vault-keygen -R %s -f %s",
		    j->name, fingerprint(old, &j->list.entries[0].key), j->known_hosts, j->list.entries[0].line,
		    fingerprint(now, &k), j->name, j->known_hosts);
	return why;
}

/* A server without a key of its own (pattern NN and the like, or a 448 one made for the run). */
static const char *verdict_no_key(const struct judge_server *j, char why[JUDGE_TEXTMAX])
{
	if (j->pinned)
		snprintf(why, JUDGE_TEXTMAX, "%s shows no key in this protocol, but --remote-key gives one", j->name);
	else if (j->list.count > 0)
		snprintf(why, JUDGE_TEXTMAX, "%s shows no key in this protocol, but one is remembered for it (%s:%u): use another "
		    "--protocol, or remove that line", j->name, j->known_hosts, j->list.entries[0].line);
	else if (j->trust == JUDGE_STRICT && !j->psk)
		snprintf(why, JUDGE_TEXTMAX, "%s shows no key in this protocol (--trust=strict wants one)", j->name);
	else
		return NULL;
	return why;
}

const char *judge_server_verdict(const struct judge_server *j, const struct session_peer *peer,
    bool is_25519, char why[JUDGE_TEXTMAX])
{
	uint8_t pin[KEY_BYTES];
	char text[KEYTEXT_MAX], print[FINGERPRINT_MAX];
	struct key k;

	if (!peer->has_key || !is_25519)
		return verdict_no_key(j, why);
	if (j->pinned) {
		bool same = key_x25519_public(pin, &j->pin) == KEYTEXT_OK && secret_equal(pin, peer->key, KEY_BYTES);

		return same ? NULL : judge_server_changed(j, peer, why);
	}
	switch (trust_known_check(&j->list, peer->key, NULL)) {
	case TRUST_MATCH:
		return NULL;
	case TRUST_CHANGED:
		return judge_server_changed(j, peer, why);
	case TRUST_UNKNOWN:
		break;
	}
	if (j->trust != JUDGE_STRICT || j->code)
		return NULL;
	judge_peer_key(peer, true, &k);
	snprintf(why, JUDGE_TEXTMAX,
	    "the key of %s is unknown (fingerprint %s, %s): check it with the server's owner, then give it with "
	    "--remote-key or connect once with --trust=new",
	    j->name, fingerprint(print, &k), judge_peer_text(peer, true, text));
	return why;
}

bool judge_server_prepare(struct judge_server *j)
{
	if (j->pinned || (j->code ? !j->remember : j->trust != JUDGE_NEW) || j->list.count > 0)
		return false;
	j->prepared = trust_known_prepare(j->known_hosts, &j->fresh, &j->unprepared) == 0;
	return j->prepared;
}

static bool unreadable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno != ENOENT;
}

/* It could hold another key for this name. */
static int incomparable(const struct judge_server *j, struct error *e)
{
	memset(e, 0, sizeof *e);
	return error_set(e, ERROR_AUTH, BLAME_LOCAL, "%s was made or replaced by another process meanwhile; try again",
	    j->known_hosts);
}

static int add(const struct judge_server *j, const struct key *k, struct error *e)
{
	struct error again = {0};
	int rc;

	if (!j->prepared || j->fresh < 0) {
		rc = trust_known_add(j->known_hosts, j->name, k, NULL, e);
		return rc < 0 && e->code == ERROR_IO && j->prepared && unreadable(j->known_hosts) ? incomparable(j, e) : rc;
	}
	rc = trust_known_first(j->known_hosts, j->fresh, j->name, k, e);
	if (rc <= 0)
		return rc;
	/* From a sandbox it may not be readable, for it is none that was there when it was entered. What
	 * cannot be compared could be another key: that is refused, and the next try reads the file. */
	if (trust_known_add(j->known_hosts, j->name, k, NULL, &again) >= 0)
		return 0;
	return incomparable(j, e);
}

/* NULL, or why the server cannot be talked to after all. */
static const char *remember(struct judge_server *j, const struct key *k, const char *print, char why[JUDGE_TEXTMAX])
{
	struct error e = j->unprepared;
	char text[KEYTEXT_MAX];

	keytext_format(text, k);
	if (e.code == ERROR_OK && add(j, k, &e) >= 0) {
		log_warn("new server %s: key %s (fingerprint %s) remembered in %s", j->name, text, print, j->known_hosts);
		trust_known_learn(&j->list, k);
		return NULL;
	}
	/* Somebody else met this name at the same time, and it had another key: one of the two lies. */
	if (e.code == ERROR_AUTH) {
		snprintf(why, JUDGE_TEXTMAX, "the key of %s (fingerprint %s) is not known to be the one remembered meanwhile: %s",
		    j->name, print, e.text);
		return why;
	}
	log_warn("cannot remember the key of %s: %s", j->name, e.text);
	j->failed = j->remember;
	return NULL;
}

const char *judge_server_ready(struct judge_server *j, const struct session_peer *peer, bool is_25519,
    char why[JUDGE_TEXTMAX])
{
	char print[FINGERPRINT_MAX];
	struct key k;

	judge_peer_key(peer, is_25519, &k);
	if (k.form == KEY_NONE) {
		if (!j->psk)
			log_warn("warning: %s proved no identity: anyone could be in between", j->name);
		return NULL;
	}
	if (j->pinned || trust_known_check(&j->list, peer->key, NULL) == TRUST_MATCH || (j->code && !j->remember))
		return NULL;
	/* Of two sessions that met the server at the same time, the first has remembered another key. */
	if (j->list.count > 0)
		return judge_server_changed(j, peer, why);
	fingerprint(print, &k);
	if (peer->throwaway) {
		if (j->code)
			log_warn("%s has a throw-away key, which cannot be remembered: run vault-keygen there", j->name);
		else if (!j->psk)
			log_warn("warning: %s has a throw-away key (fingerprint %s), which nobody can check or remember: "
				 "run vault-keygen there", j->name, print);
	} else if (j->trust == JUDGE_ANY && !j->code)
		log_warn("warning: the key of %s is unknown (fingerprint %s) and accepted unchecked", j->name, print);
	else
		return remember(j, &k, print, why);
	return NULL;
}

/* A key that is in the list: do its options let it in here and now? */
static const char *verdict_rule(const struct judge_client *j, const struct trust_entry *entry, char why[JUDGE_TEXTMAX])
{
	const char *only = rule_only_for(&entry->rule, j->serves);

	if (rule_expired(&entry->rule))
		snprintf(why, JUDGE_TEXTMAX, "the client's key has expired (%s:%u, %s): to let it in, change its expires= there", j->path,
		    entry->line, entry->label);
	else if (only)
		snprintf(why, JUDGE_TEXTMAX, "the client's key is only for %s (%s:%u, %s)", only, j->path, entry->line, entry->label);
	else
		return NULL;
	return why;
}

const char *judge_client_verdict(const struct judge_client *j, const struct session_peer *peer,
    bool is_25519, char why[JUDGE_TEXTMAX])
{
	const struct trust_entry *entry;
	char text[KEYTEXT_MAX];

	if (peer->has_psk && pskfile_expired(&peer->psk)) {
		snprintf(why, JUDGE_TEXTMAX, "the client's pre-shared key has expired (%s:%u, %s): give it a new one",
		    j->psk_path, peer->psk.line, peer->psk.name);
		return why;
	}
	if (j->everyone)
		return NULL;
	entry = peer->has_key && is_25519 ? trust_authorized_find(&j->list, peer->key) : NULL;
	if (entry)
		return verdict_rule(j, entry, why);
	judge_peer_text(peer, is_25519, text);
	if (!peer->has_key || !is_25519)
		snprintf(why, JUDGE_TEXTMAX, "the client shows %s in this protocol, %s wants one", text, j->path);
	else if (peer->throwaway)
		snprintf(why, JUDGE_TEXTMAX, "the client has a throw-away key, not one of %s: run vault-keygen there, then "
		    "add its public key", j->path);
	else
		snprintf(why, JUDGE_TEXTMAX, "the client's key is not authorized: to let it in, add this line to %s: %s",
		    j->path, text);
	return why;
}
