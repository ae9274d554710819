/* udp, the key exchange: what we tell. See udp_keys.c. */
#include "udp.h"

#include <stdio.h>
#include <string.h>

static uint64_t next_ts(struct udp *u)
{
	uint64_t ts = u->wall > 0 ? (uint64_t)u->wall : 0;

	/* Each is newer than the one before, even within a millisecond. */
	if (ts <= u->last_ts)
		ts = u->last_ts + 1;
	u->last_ts = ts;
	return ts;
}

static size_t write_key(struct udp *u, const struct peer *p, bool native, const char *cap_too, char *out, size_t cap)
{
	struct keymsg k = {.port = u->port, .has_port = true, .native = native};

	memcpy(k.enc, u->own.public[native ? OWN_NEWEST : OWN_LASTING], 32);
	memcpy(k.sign, u->config.sign_secret + 32, 32);
	if (native) {
		k.ts = next_ts(u);
		memcpy(k.sid, p->sid, sizeof k.sid);
		k.has_to = p->has_sign && p->kind != PEER_UPSTREAM;
		memcpy(k.to, p->sign, k.has_to ? 32 : 0);
		snprintf(k.caps, sizeof k.caps, "end,ping,probe,buf=%llu%s%s%s", (unsigned long long)u->config.receive_buffer,
		    u->config.throwaway ? ",throwaway" : "", u->config.measure ? ",measure" : "", cap_too);
	}
	return keymsg_write(&k, u->config.sign_secret, out, cap);
}

void udp_send_key(struct udp *u, struct peer *p, bool clear)
{
	bool native = p->kind != PEER_UPSTREAM;
	char json[KEYMSG_MAX];
	struct envelope e = {0};
	size_t n = write_key(u, p, native, "", json, sizeof json), len;

	if (n == 0)
		return;
	if (native) {
		e.k = (const uint8_t *)json;
		e.klen = n;
		e.has_s = !clear;
		e.has_d = !clear;
		e.d = memcmp(u->config.sign_secret + 32, p->sign, 32) < 0 ? 0 : 1;
	} else {
		e.c = (const uint8_t *)json;
		e.clen = n;
	}
	if (!clear)
		e.s = p->next_control++;
	len = clear ? udp_clear(u, p, &e, UDP_KEY_SIZE, u->out) :
		      udp_box(u, p, &e, p->size > UDP_KEY_SIZE + DATAGRAM_HEAD ? p->size : UDP_SIZE_LEAST, u->out);
	if (len > 0)
		u->config.hooks.send(u->config.hooks.owner, &p->at, u->out, len);
}

size_t udp_upstream_key(struct udp *u, uint16_t port, char *out, size_t cap)
{
	struct keymsg k = {.port = port, .has_port = true};

	memcpy(k.enc, u->own.public[OWN_LASTING], 32);
	memcpy(k.sign, u->config.sign_secret + 32, 32);
	return keymsg_write(&k, u->config.sign_secret, out, cap);
}

size_t udp_announcement(struct udp *u, uint8_t *out, size_t cap)
{
	struct peer anybody = {.kind = PEER_UNKNOWN};
	struct envelope e = {0};
	char json[KEYMSG_MAX];
	size_t pad_at, pad_len;

	e.klen = write_key(u, &anybody, true, ",announce", json, sizeof json);
	e.k = (const uint8_t *)json;
	return e.klen > 0 ? envelope_write(&e, out, cap, 0, &pad_at, &pad_len) : 0;
}

void udp_knock(struct udp *u, const struct udp_address *to, size_t whole)
{
	struct peer anybody = {.kind = PEER_UNKNOWN};
	bool wanted = u->config.strangers;

	for (size_t i = 0; i < u->peers.used && !wanted; i++)
		wanted = u->peers.slots[i].wanted && address_same_host(&u->peers.slots[i].at, to);
	if (!wanted || whole < UDP_KEY_SIZE || rate_available(&u->knocks, u->now) == 0)
		return;
	rate_take(&u->knocks, 1);
	anybody.at = *to;
	u->config.rng.fill(u->config.rng.ctx, anybody.sid, sizeof anybody.sid);
	u->config.rng.fill(u->config.rng.ctx, anybody.pad_key, sizeof anybody.pad_key);
	udp_send_key(u, &anybody, true);
}
