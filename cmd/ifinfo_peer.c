/* ifinfo, the vault-udp peer at the other end of a path: who we are to it, and whether its key is right. */
#include "ifinfo.h"

#include <string.h>

#include "crypto/secret.h"
#include "run/keyfile.h"
#include "run/udp_identity.h"

int ifinfo_peer_trust(struct ifinfo_peer *p, const struct common_args *a)
{
	static const char *const names[] = {[JUDGE_NEW] = "new", [JUDGE_STRICT] = "strict", [JUDGE_ANY] = "any"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(a->value, names[i]) == 0) {
			p->judge.trust = (enum judge_trust)i;
			return 0;
		}
	return common_usage(IFINFO_PROG, "--trust: '%s' is none of new, strict, any", a->value);
}

int ifinfo_peer_pin(struct ifinfo_peer *p, const struct common_args *a)
{
	struct error e = {.code = ERROR_OK};
	struct key *k = &p->judge.pins[0];

	if (keyfile_read_public(k, NULL, a->value, &e) < 0)
		return e.code == ERROR_USAGE ? common_usage(IFINFO_PROG, "%s: %s", a->name, e.text) : common_fail(IFINFO_PROG, &e);
	if (k->form != KEY_PUBLIC)
		return common_bad(a, "this is an X25519 key, which cannot sign: UDP needs an identity's key (vk1...)");
	p->judge.pin_count = 1;
	return 0;
}

/* The rules of vault-udp for a peer that is named on its command line. */
static int load_rules(struct ifinfo_peer *p, const char *host, uint16_t port, struct error *e)
{
	static char names[1][TRUST_NAME_MAX];
	struct udp_judge *j = &p->judge;
	struct error no_home = {.code = ERROR_OK};

	j->explicit = j->pin_count > 0;
	if (!j->explicit && keyfile_path(p->authorized_path, "authorized_keys", &no_home) == 0)
		j->authorized = p->authorized_path;
	j->known_hosts = p->known_hosts;
	if (!j->known_hosts && !j->explicit) {
		if (keyfile_path(p->known_hosts_path, "known_hosts", e) < 0)
			return -1;
		j->known_hosts = p->known_hosts_path;
	}
	if (trust_name(names[0], host, port, e) < 0)
		return -1;
	return udp_judge_load(j, names, 1, e);
}

int ifinfo_peer_load(struct ifinfo_peer *p, const char *host, uint16_t port, struct error *e)
{
	if (udp_identity_load(&p->identity, &p->how.throwaway, p->identity_file, e) < 0)
		return -1;
	p->how.identity = p->identity;
	p->how.judge = &p->judge;
	return load_rules(p, host, port, e);
}

void ifinfo_peer_free(struct ifinfo_peer *p)
{
	udp_judge_free(&p->judge);
	secret_free(p->identity);
	p->identity = NULL;
}

/* "vk1..." of its identity; "" if it did not show one. */
static const char *key_text(char out[KEYTEXT_MAX], const struct pathmtu *p)
{
	struct key k = {.form = KEY_PUBLIC};

	out[0] = '\0';
	memcpy(k.bytes, p->peer_key, sizeof(k.bytes));
	if (p->met == PATH_PEER_TALKED || p->met == PATH_PEER_REFUSED)
		keytext_format(out, &k);
	return out;
}

json_t *ifinfo_peer_json(const struct pathmtu *p)
{
	static const char *const names[] = {[PATH_PEER_SILENT] = "silent", [PATH_PEER_CLOSED] = "closed",
	    [PATH_PEER_REFUSED] = "refused", [PATH_PEER_TALKED] = "talked"};
	char key[KEYTEXT_MAX];

	if (p->met == PATH_PEER_NOT_ASKED)
		return json_null();
	return json_pack("{s:s, s:o}", "state", names[p->met], "key", *key_text(key, p) ? json_string(key) : json_null());
}

void ifinfo_peer_text(const struct pathmtu *p)
{
	char key[KEYTEXT_MAX];

	switch (p->met) {
	case PATH_PEER_TALKED:
		printf("peer       %s\n", key_text(key, p));
		break;
	case PATH_PEER_REFUSED:
		printf("peer       not asked: it has the wrong key\n");
		break;
	case PATH_PEER_CLOSED:
		printf("peer       none, the port is closed\n");
		break;
	case PATH_PEER_SILENT:
		printf("peer       none answers\n");
		break;
	case PATH_PEER_NOT_ASKED:
		break;
	}
}

/* A peer that does not want us is silent, as a port without one is. */
static int silent(const struct ifinfo_peer *p, const char *host, struct error *e)
{
	char own[KEYTEXT_MAX] = "a throw-away key (see vault-keygen)";
	struct key public;

	if (!p->how.throwaway && key_public(&public, p->identity) == KEYTEXT_OK)
		keytext_format(own, &public);
	if (p->demanded)
		return error_set(e, ERROR_TIMEOUT, BLAME_PEER,
		    "timeout: no vault-udp peer answers at %s; if there is one, it does not take our key: %s", host, own);
	common_warn(IFINFO_PROG, "warning: no vault-udp peer answers at %s; if there is one, it does not take our key: %s", host, own);
	return 0;
}

int ifinfo_peer_verdict(const struct ifinfo_peer *p, const struct pathmtu *m, const char *host, struct error *e)
{
	switch (m->met) {
	case PATH_PEER_REFUSED:
		return error_set(e, ERROR_AUTH, BLAME_AUTH, "the vault-udp peer at %s has not the key that it should have", host);
	case PATH_PEER_SILENT:
		return silent(p, host, e);
	case PATH_PEER_CLOSED:
		return p->demanded ? error_set(e, ERROR_NETWORK, BLAME_PEER, "there is no vault-udp peer at %s", host) : 0;
	default:
		return 0;
	}
}
