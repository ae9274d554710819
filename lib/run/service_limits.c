/* How many guests a service takes, in all and of one key. */
#include <string.h>

#include "service.h"

const struct trust_entry *service_entry(const struct service *v, const struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);

	return peer->has_key && c->session.protocol.dh == DH_25519 ? trust_authorized_find(&v->judge.list, peer->key) : NULL;
}

static int64_t sessions_of(const struct service *v, const uint8_t x25519[KEY_BYTES])
{
	int64_t n = 0;

	for (const struct guest *g = v->first; g; g = g->next)
		n += memcmp(session_peer(&g->conn->session)->key, x25519, KEY_BYTES) == 0;
	return n;
}

const char *service_full(const struct service *v, const struct conn *c)
{
	const struct trust_entry *entry = service_entry(v, c);

	if (v->o->max_clients > 0 && v->count >= v->o->max_clients)
		return "--max-clients is reached";
	if (entry && entry->rule.max_clients > 0 && sessions_of(v, entry->x25519) >= entry->rule.max_clients)
		return "max-clients= of its key is reached";
	return NULL;
}
