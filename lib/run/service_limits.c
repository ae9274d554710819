/* How many guests a service takes, in all and of one key. */
#include "service.h"

const struct trust_entry *service_entry(const struct service *v, const struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);

	return peer->has_key && c->session.protocol.dh == DH_25519 ? trust_authorized_find(&v->judge.list, peer->key) : NULL;
}

void service_count(struct service *v, const struct conn *c, int more)
{
	const struct trust_entry *entry = service_entry(v, c);

	if (entry)
		v->judge.list.entries[entry - v->judge.list.entries].sessions += more;
}

void service_count_anew(struct service *v)
{
	for (const struct guest *g = v->first; g; g = g->next)
		service_count(v, g->conn, 1);
}

const char *service_full(const struct service *v, const struct conn *c)
{
	const struct trust_entry *entry = service_entry(v, c);

	if (v->o->max_clients > 0 && v->count >= v->o->max_clients)
		return "--max-clients is reached";
	if (entry && entry->rule.max_clients > 0 && entry->sessions >= entry->rule.max_clients)
		return "max-clients= of its key is reached";
	return NULL;
}
