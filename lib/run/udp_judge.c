#include "udp_judge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "udp_socket.h"

#define TELL_MS 1000 /* refusals of strangers told at most so often */

int udp_judge_load(struct udp_judge *j, char (*names)[TRUST_NAME_MAX], size_t count, struct error *e)
{
	int rc;

	if (j->authorized) {
		rc = trust_authorized_load(&j->list, j->authorized, e);
		if (rc == 1 && j->explicit && j->pin_count == 0)
			return error_set(e, ERROR_IO, BLAME_LOCAL, "--authorized-keys %s: no such file", j->authorized);
		if (rc < 0)
			return -1;
		j->has_list = rc == 0;
	}
	j->servers = calloc(count > 0 ? count : 1, sizeof *j->servers);
	if (!j->servers)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	j->server_count = count;
	for (size_t i = 0; i < count && !j->explicit; i++) {
		struct judge_server *s = &j->servers[i];

		s->trust = j->trust;
		s->known_hosts = j->known_hosts;
		snprintf(s->name, sizeof s->name, "%s", names[i]);
		if (judge_server_load(s, e) < 0)
			return -1;
	}
	return 0;
}

/* An empty file is made where there is none: several peers may have to be remembered in it. */
static void make_known_hosts(const char *path)
{
	struct error ignored = {0};
	int fd;

	if (keyfile_mkdir(path, &ignored) < 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd >= 0)
		close(fd);
}

bool udp_judge_prepare(struct udp_judge *j)
{
	bool any = false;

	for (size_t i = 0; i < j->server_count && !j->explicit; i++) {
		if (j->trust != JUDGE_NEW || j->servers[i].list.count > 0)
			continue;
		if (!any)
			make_known_hosts(j->known_hosts);
		any |= judge_server_prepare(&j->servers[i]);
	}
	return any && access(j->known_hosts, F_OK) == 0;
}

static bool pinned(const struct udp_judge *j, const struct key *k)
{
	for (size_t i = 0; i < j->pin_count; i++)
		if (j->pins[i].form == KEY_PUBLIC && secret_equal(j->pins[i].bytes, k->bytes, KEY_BYTES))
			return true;
	return false;
}

static bool key_of(const struct peer *p, struct key *k, uint8_t x25519[KEY_BYTES])
{
	k->form = KEY_PUBLIC;
	memcpy(k->bytes, p->sign, KEY_BYTES);
	return p->has_sign && key_x25519_public(x25519, k) == KEYTEXT_OK;
}

char *udp_judge_text(const struct peer *p, char out[KEYTEXT_MAX])
{
	struct key k = {.form = KEY_PUBLIC};

	memcpy(k.bytes, p->sign, KEY_BYTES);
	if (p->has_sign)
		keytext_format(out, &k);
	else
		snprintf(out, KEYTEXT_MAX, "no key");
	return out;
}

const char *udp_judge_label(const struct udp_judge *j, const struct peer *p)
{
	const struct trust_entry *entry;
	uint8_t x25519[KEY_BYTES];
	struct key k;

	if (!j->has_list || !key_of(p, &k, x25519))
		return NULL;
	entry = trust_authorized_find(&j->list, x25519);
	return entry && entry->label[0] ? entry->label : NULL;
}

/* Whoever is refused may try a thousand times a second: told now and then. */
static bool refuse(struct udp_judge *j, const struct peer *p, const char *why)
{
	char at[ADDRESS_TEXTMAX], more[64] = "";
	int64_t now = clock_ms();

	j->refused |= p->name >= 0;
	if (j->told_at > 0 && now < j->told_at + TELL_MS) {
		j->untold++;
		return false;
	}
	if (j->untold > 0)
		snprintf(more, sizeof more, " (and %u more refusals)", j->untold);
	j->told_at = now;
	j->untold = 0;
	log_warn("%s: refused: %s%s", udp_address_text(at, &p->from), why, more);
	return false;
}

/* One that the user named, without pins: known_hosts decides. */
static bool accept_named(struct udp_judge *j, const struct peer *p, const struct key *k, const uint8_t x25519[KEY_BYTES])
{
	struct judge_server *s = &j->servers[p->name];
	struct session_peer shown = {.has_key = true, .has_identity = true, .throwaway = p->throwaway};
	char why[JUDGE_TEXTMAX];

	memcpy(shown.key, x25519, KEY_BYTES);
	memcpy(shown.identity, k->bytes, KEY_BYTES);
	if (judge_server_verdict(s, &shown, true, why) || judge_server_ready(s, &shown, true, why))
		return refuse(j, p, why);
	return true;
}

static bool accept_stranger(struct udp_judge *j, const struct peer *p, const struct key *k)
{
	char print[FINGERPRINT_MAX], text[KEYTEXT_MAX], at[ADDRESS_TEXTMAX], why[KEYTEXT_MAX + 160];

	udp_judge_text(p, text);
	if (j->has_list) {
		snprintf(why, sizeof why, "its key is not authorized: to let it in, add this line to %.60s: %s", j->authorized, text);
		return refuse(j, p, why);
	}
	/* Who names peers wants to hear these. */
	if (j->server_count > 0 && j->trust != JUDGE_ANY)
		return refuse(j, p, "it is none of the peers that were named (--trust=any takes it, or its key in authorized_keys)");
	if (j->trust == JUDGE_STRICT) {
		snprintf(why, sizeof why, "its key %s is unknown (--trust=strict)", text);
		return refuse(j, p, why);
	}
	if (key_fingerprint(print, k) != KEYTEXT_OK)
		snprintf(print, sizeof print, "?");
	udp_address_text(at, &p->from);
	if (p->throwaway)
		log_warn("warning: %s has a throw-away key (fingerprint %s), which nobody can check", at, print);
	else
		log_warn("new peer %s: key %s (fingerprint %s) accepted on first use", at, text, print);
	return true;
}

/* One of whom nothing is said on the command line but, perhaps, a name. */
static bool accept_unlisted(struct udp_judge *j, const struct peer *p, const struct key *k, const uint8_t x25519[KEY_BYTES])
{
	char text[KEYTEXT_MAX], why[KEYTEXT_MAX + 160];

	if (j->explicit) {
		snprintf(why, sizeof why, "its key is not the one that was asked for: %s", udp_judge_text(p, text));
		return refuse(j, p, why);
	}
	if (p->name >= 0 && (size_t)p->name < j->server_count)
		return accept_named(j, p, k, x25519);
	return accept_stranger(j, p, k);
}

/* A key that is only for something else is refused whatever known_hosts and --trust say. */
static bool refuse_limited(struct udp_judge *j, const struct peer *p, const struct trust_entry *entry, const char *only)
{
	char why[JUDGE_TEXTMAX];

	snprintf(why, sizeof why, "its key is only for %s (%s:%u)", only, j->authorized, entry->line);
	return refuse(j, p, why);
}

bool udp_judge_accept(struct udp_judge *j, const struct peer *p)
{
	const struct trust_entry *entry;
	uint8_t x25519[KEY_BYTES];
	char at[ADDRESS_TEXTMAX];
	const char *only;
	struct key k;

	if (p->kind == PEER_V1) {
		if (j->explicit || j->has_list || j->trust == JUDGE_STRICT)
			return refuse(j, p, "the old format proves no identity");
		log_warn("warning: %s speaks the old format: nobody knows who it is", udp_address_text(at, &p->at));
		return true;
	}
	if (!key_of(p, &k, x25519))
		return refuse(j, p, "its identity is no key");
	if (pinned(j, &k))
		return true;
	entry = j->has_list ? trust_authorized_find(&j->list, x25519) : NULL;
	only = entry ? rule_only_for(&entry->rule, RULE_STDIO) : NULL;
	if (only)
		return refuse_limited(j, p, entry, only);
	return (entry && !rule_expired(&entry->rule)) || accept_unlisted(j, p, &k, x25519);
}

void udp_judge_free(struct udp_judge *j)
{
	for (size_t i = 0; i < j->server_count; i++)
		judge_server_free(&j->servers[i]);
	free(j->servers);
	trust_free(&j->list);
	j->servers = NULL;
	j->server_count = 0;
}
