/* pathmtu_ways, the way of vault-udp: probes in boxes, which a peer answers that proves who it is. */
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pathmtu_ways.h"
#include "proto/bigendian.h"
#include "proto/udp.h"
#include "udp_address.h"
#include "udp_judge.h"

#define SLOTS 2
#define CACHE 64	/* of nonces; only Python's program would need it, and it is not asked */
#define ROUNDS 4
#define KEYS_MS 60000	/* as vault-udp's --lifetime, --max-age and --skew */
#define BUFFER 200000	/* what is told of our receive buffer: nobody will fill it */
#define UDP_HEADER 8

struct path_vault {
	struct udp engine;
	struct peer slots[SLOTS];
	struct replay_entry cache[SLOTS * CACHE];
	struct udp_address at;
	struct peer *peer; /* NULL: it could not be expected, or it has left */
	bool started;
	/* Of probes, by their id: */
	uint64_t numbers[PATHMTU_PACKETS + 1];
	uint8_t nonces[PATHMTU_PACKETS + 1][DATAGRAM_NONCE];
	uint8_t *capture; /* a datagram of the engine's goes there, and not to the network */
	size_t capture_room;
	enum path_outcome what; /* of the datagram that is being looked at */
	uint64_t number;
};

/* ---- hooks of the engine ---- */

static void on_send(void *owner, const struct udp_address *to, const uint8_t *bytes, size_t n)
{
	struct path_socket *s = owner;
	struct path_vault *v = s->vault;

	(void)to; /* the socket is connected */
	if (v->capture) {
		memcpy(v->capture, bytes, n < v->capture_room ? n : v->capture_room);
		return;
	}
	/* Keys and proofs have to arrive, in pieces if need be; the search is about probes. */
	if (s->p->packets < PATHMTU_PACKETS)
		(void)path_put(s, &(struct path_probe){.fragment = true}, bytes, n);
}

static bool on_judge(void *owner, struct peer *p)
{
	const struct path_socket *s = owner;
	bool good = udp_judge_accept(s->p->peer->judge, p);

	memcpy(s->p->peer_key, p->sign, sizeof(s->p->peer_key));
	if (!good)
		s->p->met = PATH_PEER_REFUSED;
	return good;
}

static void on_event(void *owner, enum udp_event what, struct peer *p)
{
	const struct path_socket *s = owner;
	struct path_vault *v = s->vault;

	if (p != v->peer)
		return;
	if (what == UDP_EVENT_UP && p->kind == PEER_NATIVE) {
		v->what = PATH_TALKS;
	} else if (what == UDP_EVENT_BYE) {
		v->what = PATH_CLOSED;
	} else if (what == UDP_EVENT_PROBED) {
		v->what = PATH_ARRIVED;
		v->number = p->probed.number;
	}
}

/* What is no probe is of this size. */
static size_t on_limit(void *owner, const struct udp_address *at)
{
	(void)owner;
	(void)at;
	return UDP_SIZE_LEAST;
}

/* ---- the way ---- */

static int vault_open(struct path_socket *s, const struct sockaddr_storage *to)
{
	struct udp_config c = {.measure = true, .padding = true, .lifetime_ms = KEYS_MS, .max_age_ms = KEYS_MS,
	    .skew_ms = KEYS_MS, .receive_buffer = BUFFER, .rng = secret_rng,
	    .hooks = {on_send, on_judge, on_event, on_limit, s}};
	struct path_vault *v;
	uint8_t public[32];
	int fd;

	if (!s->p->peer) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	v = fd < 0 ? NULL : calloc(1, sizeof(*v));
	s->vault = v;
	if (!v)
		return fd; /* without memory, as if nobody was there */
	c.throwaway = s->p->peer->throwaway;
	crypto_sign_seed_keypair(public, c.sign_secret, s->p->peer->identity->bytes);
	udp_init(&v->engine, &c, v->slots, SLOTS, v->cache, CACHE);
	secret_wipe(&c, sizeof(c));
	(void)udp_address_from(&v->at, (const struct sockaddr *)to);
	s->p->met = PATH_PEER_SILENT;
	return fd;
}

static void vault_clock(struct path_vault *v)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	udp_clock(&v->engine, (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000,
	    (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000);
}

/* The port that the socket has got by now is told in key messages. */
static void vault_start(struct path_socket *s)
{
	struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
	struct path_vault *v = s->vault;
	socklen_t len = sizeof(own);
	struct udp_address at;

	v->started = true;
	if (getsockname(s->fd, (struct sockaddr *)&own, &len) == 0 && udp_address_from(&at, (struct sockaddr *)&own))
		v->engine.port = at.port;
	v->peer = udp_add(&v->engine, &v->at, 0);
}

static void vault_tick(struct path_socket *s)
{
	struct path_vault *v = s->vault;

	if (!v)
		return;
	vault_clock(v);
	if (!v->started)
		vault_start(s);
	for (int i = 0; i < ROUNDS && v->engine.deadline <= v->engine.now; i++)
		udp_tick(&v->engine);
}

static size_t overhead(const struct path_socket *s)
{
	return path_ip_header(s->family) + UDP_HEADER;
}

static void vault_fill(struct path_socket *s, const struct path_probe *p, uint8_t *packet, size_t n)
{
	struct path_vault *v = s->vault;

	if (!v || !v->peer || p->id > PATHMTU_PACKETS)
		return;
	vault_clock(v);
	v->capture = packet;
	v->capture_room = n;
	v->numbers[p->id] = udp_probe(&v->engine, v->peer, n, p->back > overhead(s) ? p->back - overhead(s) : 0);
	v->capture = NULL;
	memcpy(v->nonces[p->id], packet, DATAGRAM_NONCE);
}

static uint32_t id_of(const struct path_vault *v, uint64_t number)
{
	for (uint32_t id = 1; number > 0 && id <= PATHMTU_PACKETS; id++)
		if (v->numbers[id] == number)
			return id;
	return 0;
}

static uint32_t vault_reply(struct path_socket *s, uint8_t *bytes, size_t n, struct path_news *news)
{
	struct path_vault *v = s->vault;
	struct udp_message m;
	uint32_t id;

	if (!v)
		return 0;
	vault_clock(v);
	v->what = PATH_NOTHING;
	v->number = 0;
	(void)udp_receive(&v->engine, &v->at, bytes, n, &m); /* messages are not for us */
	news->what = v->what;
	if (v->what != PATH_ARRIVED)
		return 0;
	news->back = (uint32_t)(v->peer->probed.back + overhead(s));
	news->most = v->peer->probed.most ? (uint32_t)(v->peer->probed.most + overhead(s)) : 0;
	id = id_of(v, v->number);
	if (id == 0)
		news->what = PATH_NOTHING;
	return id;
}

static uint32_t vault_quoted(const struct path_socket *s, const uint8_t *bytes, size_t n)
{
	const struct path_vault *v = s->vault;

	for (uint32_t id = 1; v && n >= PATH_VAULT_QUOTE && id <= PATHMTU_PACKETS; id++)
		if (v->numbers[id] && memcmp(v->nonces[id], bytes, DATAGRAM_NONCE) == 0)
			return id;
	return 0;
}

static void vault_close(struct path_socket *s)
{
	struct path_vault *v = s->vault;

	if (!v)
		return;
	if (v->started) {
		vault_clock(v);
		if (v->peer)
			udp_bye(&v->engine, v->peer, "");
	}
	udp_free(&v->engine);
	secret_wipe(v, sizeof(*v));
	free(v);
	s->vault = NULL;
}

const struct path_way path_by_vault = {
    .name = "vault-udp", .open = vault_open, .fill = vault_fill, .header = UDP_HEADER, .least = UDP_PROBE_LEAST,
    .reply = vault_reply, .quoted = vault_quoted, .tick = vault_tick, .close = vault_close};
