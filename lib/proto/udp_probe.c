/* udp, how big a datagram may be, both ways, for who asks that and nothing else. */
#include "udp.h"

#include <stdio.h>

#define MOST_TOLD (UINT64_C(1) << 20) /* no datagram is larger */

static size_t within(size_t size, size_t least, size_t most)
{
	return size < least ? least : size > most ? most : size;
}

uint64_t udp_probe(struct udp *u, struct peer *p, size_t size, size_t back)
{
	uint64_t number = ++p->ping_number;
	char json[128];

	size = within(size, UDP_PROBE_LEAST, DATAGRAM_MAX);
	back = within(back, UDP_PROBE_LEAST, DATAGRAM_MAX);
	snprintf(json, sizeof json, "{\"probe\":%llu,\"size\":%zu,\"back\":%zu}", (unsigned long long)number, size, back);
	udp_send_control(u, p, json, size);
	return number;
}

/* Without a wish the answer is as large as all that goes there. */
void udp_answer_probe(struct udp *u, struct peer *p, uint64_t number, size_t came, size_t back)
{
	size_t most = DATAGRAM_MAX, route;
	char json[128];

	if (back == 0) {
		snprintf(json, sizeof json, "{\"probed\":%llu,\"size\":%zu}", (unsigned long long)number, came);
		udp_send_control(u, p, json, p->size);
		return;
	}
	route = u->config.hooks.limit(u->config.hooks.owner, &p->at);
	if (route < most)
		most = route;
	snprintf(json, sizeof json, "{\"probed\":%llu,\"size\":%zu,\"most\":%zu}", (unsigned long long)number, came, most);
	udp_send_control(u, p, json, within(back < most ? back : most, UDP_PROBE_LEAST, DATAGRAM_MAX));
}

void udp_take_probed(struct udp *u, struct peer *p, uint64_t number, size_t size, size_t back, size_t most)
{
	p->probed.number = number;
	p->probed.size = size;
	p->probed.back = back;
	p->probed.most = most < MOST_TOLD ? most : 0;
	u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_PROBED, p);
}
