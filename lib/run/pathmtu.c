#include "pathmtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "pathmtu_finder.h"

#define ROUNDS 3 /* of questions whether anybody is there */
#define HOPS 4	 /* looked for the last router before a hole, and once more if the last one is not it */
#define PACKET_MOST 65535
#define PEER_MS 1500 /* for a vault-udp peer, after the host has answered otherwise: time for three key messages */

/* Sizes to make contact with: they fit everywhere. */
#define FLOOR4 68
#define FLOOR6 96

/* ---- contact ---- */

static void refused(struct finder *f, const struct path_news *n)
{
	f->refused_why = n->why;
	f->refused_by = n->from;
}

/* Ask in every way; true once there is an answer (and a moment for the other ones to come). */
static bool contact_round(struct finder *f, uint32_t size, int64_t wait_ms)
{
	int64_t until = clock_ms() + wait_ms;
	struct path_news news = {.what = PATH_NOTHING};
	uint32_t id, of[FINDER_WAYS] = {0};
	bool any = false;
	int from, open = f->ways[FINDER_VAULT].fd >= 0;

	for (int i = FINDER_ECHO; i <= FINDER_UDP; i++) {
		of[i] = f->ways[i].fd < 0 ? 0 : finder_emit(f, i, (struct path_probe){.size = size}, &news);
		if (news.what == PATH_UNREACHABLE)
			refused(f, &news);
		open += of[i] != 0;
	}
	while (open > 0 && finder_hear(f, until, of[FINDER_UDP] ? of[FINDER_UDP] : of[FINDER_ECHO], &from, &id, &news)) {
		if (id == FINDER_OF_PEER) {
			any |= news.what == PATH_TALKS;
			open--;
		} else if (news.what == PATH_ARRIVED && !f->live[from]) {
			f->live[from] = true;
			if (!any)
				until = clock_ms() + 50 + finder_took_us(f, id) / 500;
			any = true;
			open--;
		} else if (news.what == PATH_UNREACHABLE) {
			refused(f, &news);
			open--;
			/* What is refused to all others will not reach the peer, either. */
			if (!any && open == 1 && f->p->met == PATH_PEER_SILENT)
				break;
		}
	}
	return any;
}

static bool contact(struct finder *f)
{
	for (int i = 0; i < ROUNDS && !finder_spent(f); i++) {
		/* It takes the kernel three seconds to learn that nobody has an address on the link. */
		if (contact_round(f, f->search.floor, i + 1 < ROUNDS ? f->wait_ms : 2 * f->wait_ms)) {
			pathsearch_arrived(&f->search, f->search.floor);
			return true;
		}
		if (f->refused_why)
			break;
	}
	return false;
}

/* The host is there; is the peer, too? Its keys take two round trips. */
static void await_peer(struct finder *f)
{
	int64_t until = clock_ms() + PEER_MS + 2 * f->wait_ms;
	struct path_news news;
	uint32_t id;
	int from;

	while (f->p->met == PATH_PEER_SILENT && !finder_spent(f) && finder_hear(f, until, 0, &from, &id, &news))
		;
	if (f->p->met != PATH_PEER_TALKED)
		path_close(&f->ways[FINDER_VAULT]);
	/* Probes of that kind have an end. */
	if (f->live[FINDER_VAULT] && !f->live[FINDER_ECHO] && !f->live[FINDER_UDP] && f->search.ceiling > finder_vault_most(f)) {
		pathsearch_init(&f->search, f->search.floor, finder_vault_most(f));
		pathsearch_arrived(&f->search, f->search.floor);
	}
}

/* ---- the search ---- */

static void too_big(struct finder *f, uint32_t size, const struct path_news *n)
{
	uint32_t before = f->search.high;

	pathsearch_too_big(&f->search, size, n->mtu);
	if (f->search.high < before)
		f->p->router = n->from;
}

/* Until something is known about the size, or time or packets are used up (-1). */
static int try_size(struct finder *f, uint32_t size)
{
	for (int i = 0; i < FINDER_TRIES; i++) {
		struct path_news n = finder_ask(f, finder_way(f, size, i), (struct path_probe){.size = size, .back = 1});

		if (n.what == PATH_ARRIVED)
			pathsearch_arrived(&f->search, size);
		else if (n.what == PATH_TOO_BIG)
			too_big(f, size, &n);
		else if (finder_spent(f))
			return -1;
		/* A late answer to an earlier probe may have settled it, too. */
		if (f->search.low >= size || f->search.high <= size)
			return 0;
	}
	pathsearch_lost(&f->search, size);
	return 0;
}

/* The size that is said to disappear: if it was lost by accident, it arrives now. */
static bool by_accident(struct finder *f)
{
	uint32_t size = f->search.high;

	for (int i = 0; i < FINDER_TRIES; i++) {
		struct path_news n = finder_ask(f, finder_way(f, size, i), (struct path_probe){.size = size, .back = 1});

		if (n.what == PATH_TOO_BIG)
			too_big(f, size, &n);
		if (n.what == PATH_ARRIVED)
			pathsearch_arrived(&f->search, size);
		if (n.what == PATH_TOO_BIG || n.what == PATH_ARRIVED)
			return true;
	}
	return false;
}

static void search(struct finder *f)
{
	uint32_t size;

	do {
		while ((size = pathsearch_next(&f->search)) != 0 && try_size(f, size) == 0)
			;
	} while (size == 0 && f->search.vanished && by_accident(f));
}

/* The host is silent: what do the routers say about large packets? */
static void ask_routers(struct finder *f)
{
	uint32_t size = f->search.ceiling;

	f->search.low = 1; /* so that silence about a size is no statement about the host */
	for (int i = 0; i < ROUNDS && size > f->search.floor; i++) {
		struct path_news n = finder_ask(f, finder_way(f, size, 0), (struct path_probe){.size = size});

		if (n.what != PATH_TOO_BIG)
			break;
		too_big(f, size, &n);
		if (f->search.high - 1 >= size)
			break;
		size = f->search.high - 1;
	}
	f->p->mtu = f->search.high - 1;
}

/* ---- the last router before a hole ---- */

/* Hops ${first} and on; true if the last of them is no end. */
static bool find_routers(struct finder *f, int first)
{
	int way = finder_way(f, f->search.high, 0), from, hops[PATHMTU_PACKETS + 1] = {0};
	int64_t until = clock_ms() + f->wait_ms;
	struct path_news news;
	uint32_t id;

	for (int hop = first; hop < first + HOPS; hop++) {
		id = finder_emit(f, way, (struct path_probe){.size = f->search.high, .hops = hop}, &news);
		hops[id] = hop;
	}
	while (finder_hear(f, until, 0, &from, &id, &news))
		if (news.what == PATH_EXPIRED && hops[id] > (int)f->p->last_hop) {
			f->p->last_hop = (unsigned)hops[id];
			f->p->last = news.from;
		}
	return (int)f->p->last_hop == first + HOPS - 1;
}

/* ---- all of it ---- */

static int no_answer(struct finder *f, struct error *e)
{
	char host[ADDRESS_HOSTMAX], by[ADDRESS_HOSTMAX] = "this machine";
	struct pathmtu *p = f->p;

	address_numeric((const struct sockaddr *)&p->to, sizeof(p->to), host, &(uint16_t){0});
	if (f->interrupted)
		return error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted");
	if (f->refused_why) {
		if (f->refused_by.ss_family)
			address_numeric((const struct sockaddr *)&f->refused_by, sizeof(f->refused_by), by, &(uint16_t){0});
		return error_set(e, ERROR_NETWORK, BLAME_PEER, "%s is unreachable: %s (says %s)", host,
		    strerror(f->refused_why), by);
	}
	if (clock_ms() < p->deadline)
		ask_routers(f);
	if (f->search.high <= f->search.ceiling) {
		p->limit = LIMIT_ROUTER;
		return 0;
	}
	return error_set(e, ERROR_TIMEOUT, BLAME_PEER, "timeout: no answer of any kind from %s", host);
}

static uint32_t ceiling_of(const struct pathmtu *p)
{
	return p->local < PACKET_MOST ? p->local : PACKET_MOST;
}

static void conclude(struct finder *f)
{
	struct pathmtu *p = f->p;

	p->mtu = f->search.low;
	p->exact = pathsearch_exact(&f->search) && (f->search.low < f->search.ceiling || f->search.ceiling == ceiling_of(p));
	if (f->search.vanished)
		p->limit = LIMIT_HOLE;
	else if (!p->exact)
		p->limit = LIMIT_NOT_KNOWN;
	else if (f->search.low < f->search.ceiling && p->router.ss_family)
		p->limit = LIMIT_ROUTER;
	else
		p->limit = LIMIT_LINK;
	if (p->limit != LIMIT_ROUTER && p->limit != LIMIT_NOT_KNOWN)
		memset(&p->router, 0, sizeof(p->router));
	if (!finder_spent(f))
		pathmtu_back(f);
	/* With what is left: numbers are worth more. */
	if (p->limit == LIMIT_HOLE && !finder_spent(f) && find_routers(f, 1))
		(void)find_routers(f, 1 + HOPS);
	p->by_echo = f->live[FINDER_ECHO];
	p->by_udp = f->live[FINDER_UDP];
	p->by_vault = f->live[FINDER_VAULT];
}

static void begin(struct finder *f, struct pathmtu *p)
{
	uint32_t floor = p->to.ss_family == AF_INET ? FLOOR4 : FLOOR6;
	uint32_t ceiling = ceiling_of(p);

	p->rtt_us = -1;
	finder_begin(f, p);
	pathsearch_init(&f->search, floor < ceiling ? floor : ceiling, ceiling);
}

int pathmtu_find(struct pathmtu *p, struct error *e)
{
	struct finder f;
	int rc;

	begin(&f, p);
	if (f.ways[FINDER_ECHO].fd < 0 && f.ways[FINDER_UDP].fd < 0) {
		rc = error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot send probes: %s", strerror(errno));
	} else if (contact(&f)) {
		p->answered = true;
		await_peer(&f);
		search(&f);
		conclude(&f);
		rc = f.interrupted ? error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted") : 0;
	} else {
		rc = no_answer(&f, e);
	}
	finder_end(&f);
	return rc;
}
