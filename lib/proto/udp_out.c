/* udp, what goes out: datagrams around messages and control texts. */
#include "udp.h"

#include <sodium.h>
#include <string.h>

#include "bigendian.h"
#include "utf8.h"

#define BACKDATE 1.0	   /* seconds: upstream takes nothing that is from its future */
#define UPSTREAM_PACE 90   /* datagrams a second; it drops what is over 100 */
#define UPSTREAM_BURST 10
#define LEVEL_NEEDED 3	   /* zstd level when a message would not fit otherwise */
#define WINDOW_LEAST 16	   /* messages */
#define WINDOW_MOST 4096
#define WINDOW_UNKNOWN 64
#define BUFFER_EXTRA 900   /* what the kernel's own structures take in a receive buffer, for each datagram */

/* Both kinds of nonces: random bytes of this association and a counter, never used twice under a key. */
static void next_nonce(struct peer *p, uint8_t outer[DATAGRAM_NONCE], uint8_t inner[DATAGRAM_INNER])
{
	memcpy(outer, p->prefix, 16);
	be_put64(outer + 16, p->nonce);
	memcpy(inner, p->inner_prefix, 8);
	be_put64(inner + 8, p->nonce++);
}

/* In clear. The system's generator would cost four times the encryption. */
static void fill_padding(struct peer *p, uint8_t *at, size_t n)
{
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

	be_put64(nonce, p->pad_counter++);
	crypto_stream_chacha20(at, n, nonce, p->pad_key);
}

size_t udp_box(struct udp *u, struct peer *p, const struct envelope *e, size_t size, uint8_t *out)
{
	uint8_t outer[DATAGRAM_NONCE], inner[DATAGRAM_INNER];
	const uint8_t *shared = peer_shared(p, &u->own, p->mine, 0);
	double when = (double)u->wall / 1000;
	size_t n, pad_at, pad_len;

	if (!shared || (size > 0 && size < DATAGRAM_HEAD))
		return 0;
	n = envelope_write(e, out + DATAGRAM_HEAD, UDP_DATAGRAM_MAX - DATAGRAM_HEAD, size > 0 ? size - DATAGRAM_HEAD : 0,
	    &pad_at, &pad_len);
	if (n == 0)
		return 0;
	/* Encrypted it looks like anything else. */
	memset(out + DATAGRAM_HEAD + pad_at, 0, pad_len);
	next_nonce(p, outer, inner);
	datagram_seal(out, n, shared, outer, inner, p->kind == PEER_UPSTREAM ? when - BACKDATE : when);
	return n + DATAGRAM_HEAD;
}

size_t udp_clear(struct udp *u, struct peer *p, const struct envelope *e, size_t size, uint8_t *out)
{
	size_t pad_at, pad_len, n = envelope_write(e, out, UDP_DATAGRAM_MAX, size, &pad_at, &pad_len);

	(void)u;
	if (n > 0)
		fill_padding(p, out + pad_at, pad_len);
	return n;
}

/* ---- messages ---- */

static size_t map_extra(const struct peer *p)
{
	return p->kind == PEER_NATIVE ? ENVELOPE_NATIVE : ENVELOPE_UPSTREAM;
}

/* Largest payload (zstd frames) for ${p}. */
static size_t payload_max(const struct peer *p)
{
	size_t around = DATAGRAM_HEAD + map_extra(p);

	return p->size > around ? p->size - around : 0;
}

size_t udp_text_max(const struct udp *u, const struct peer *p)
{
	size_t room = payload_max(p);

	(void)u;
	if (p->kind == PEER_V1)
		room = p->size > DATAGRAM_SEALED + 16 ? p->size - DATAGRAM_SEALED - 16 : 0;
	room = room > SQUASH_STORED ? room - SQUASH_STORED : 0;
	return room < UDP_TEXT_MAX ? room : UDP_TEXT_MAX;
}

/* The payload of a message, in its place in the map at ${map}, or compressed in u->work. Datagrams are padded to one
 * size, so compressing is work for nothing unless a message would not fit, or somebody asked for it. False if it does
 * not fit. */
static bool squeeze(struct udp *u, struct envelope *e, const uint8_t *text, size_t n, size_t room, uint8_t *map)
{
	size_t plain = n + (n < 256 ? 9 : 10);
	int level = u->config.level > 0 ? u->config.level : LEVEL_NEEDED;
	uint8_t *at;

	if (n > UDP_TEXT_MAX)
		return false;
	if ((u->config.level > 0 || plain > room) && squash_message(&u->squash, level, text, n, u->work, room, &e->plen) == 0 &&
	    (e->plen < plain || plain > room)) {
		e->p = u->work;
		return true;
	}
	e->plen = plain;
	e->p = at = map + envelope_payload_at(e);
	return squash_store(text, n, at, room) > 0;
}

bool udp_ready(const struct udp *u, const struct peer *p)
{
	if (p->state == PEER_UP)
		return p->kind != PEER_NATIVE || p->sized;
	return u->config.opportunistic && p->wanted && p->state == PEER_AWAIT && !p->has_sign;
}

static enum udp_seal seal_clear(struct udp *u, struct peer *p, const struct envelope *e, uint8_t *out, size_t *len)
{
	*len = udp_clear(u, p, e, u->config.padding && p->size > DATAGRAM_HEAD ? p->size - DATAGRAM_HEAD : 0, out);
	p->n.clear_sent++;
	return *len > 0 ? UDP_SEALED : UDP_E_SIZE;
}

enum udp_seal udp_seal(struct udp *u, struct peer *p, const uint8_t *text, size_t n, uint8_t *out, size_t *len)
{
	bool up = p->state == PEER_UP, native = up && p->kind == PEER_NATIVE;
	struct envelope e = {.has_s = native, .has_d = native};

	if (!udp_ready(u, p))
		return UDP_E_KEY;
	if (p->kind == PEER_V1)
		return udp_v1_seal(u, p, text, n, out, len);
	if (p->kind != PEER_NATIVE && !utf8_valid(text, n))
		return UDP_E_UTF8;
	if (!squeeze(u, &e, text, n, payload_max(p), up ? out + DATAGRAM_HEAD : out))
		return UDP_E_SIZE;
	if (!up) {
		enum udp_seal sealed = seal_clear(u, p, &e, out, len);

		p->n.messages_sent += sealed == UDP_SEALED;
		return sealed;
	}
	e.s = p->next_message;
	e.d = memcmp(u->config.sign_secret + 32, p->sign, 32) < 0 ? 0 : 1;
	*len = udp_box(u, p, &e, u->config.padding ? p->size : 0, out);
	if (*len == 0)
		return UDP_E_SIZE;
	p->next_message++;
	p->n.messages_sent++;
	p->n.bytes_sent += n;
	p->sent_bytes += n;
	if (p->pace.per_second > 0)
		rate_take(&p->pace, 1);
	return UDP_SEALED;
}

/* ---- how much may be under way ---- */

/* What its buffer holds, if nobody else sends to it. */
static uint64_t window_most(const struct peer *p)
{
	uint64_t n = p->window_bytes * 3 / 4 / (p->size + BUFFER_EXTRA);

	if (p->window_bytes == 0)
		return WINDOW_UNKNOWN;
	return n < WINDOW_LEAST ? WINDOW_LEAST : n > WINDOW_MOST ? WINDOW_MOST : n;
}

static uint64_t window(const struct peer *p)
{
	uint64_t most = window_most(p);

	return p->flow > 0 && p->flow < most ? p->flow : most;
}

/* Half as many under way after each loss, a few more after each answer without. */
void udp_flow(struct peer *p, uint64_t sent, uint64_t came)
{
	uint64_t missed = sent > came ? sent - came : 0, now = window(p);

	if (missed > p->missed)
		p->flow = now / 2 > WINDOW_LEAST ? now / 2 : WINDOW_LEAST;
	else if (p->flow > 0)
		p->flow += p->flow < window_most(p) ? 1 + p->flow / 64 : 0;
	p->missed = missed;
}

uint64_t udp_room(struct udp *u, struct peer *p)
{
	uint64_t under_way, most, n = UINT64_MAX;

	if (p->pace.burst == 0) {
		uint64_t pace = u->config.pace;

		if (pace > 0)
			rate_init(&p->pace, pace, pace / 50 + 1, u->now);
		else
			rate_init(&p->pace, p->kind == PEER_NATIVE ? 0 : UPSTREAM_PACE, UPSTREAM_BURST, u->now);
	}
	if (p->pace.per_second > 0)
		n = rate_available(&p->pace, u->now);
	if (n == 0)
		udp_wake(u, u->now + rate_wait(&p->pace, 1));
	if (p->kind != PEER_NATIVE || u->config.pace > 0)
		return n;
	most = window(p);
	under_way = p->next_message - p->confirmed;
	/* Four questions a window: one answer keeps it open. */
	if (p->next_message - p->pinged >= most / 4) {
		p->ping_at = u->now;
		udp_wake(u, u->now);
	}
	return under_way < most ? most - under_way : 0;
}
