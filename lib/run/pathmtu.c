#include "pathmtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "clock.h"
#include "pathmtu_ways.h"
#include "proto/pathsearch.h"

#define ECHO 0
#define UDP 1
#define WAYS 2
#define TRIES 3
#define FIRST_WAIT_MS 1000
#define SLICE_MS 100
#define HOPS 8	 /* looked for the last router before a hole */
#define BURST 5	 /* port unreachables that a host sends at once; then one a second (Linux: icmp_ratelimit) */
#define PACKET_MOST 65535

/* Sizes to make contact with: they fit everywhere. */
#define FLOOR4 68
#define FLOOR6 96

struct finder {
	struct pathmtu *p;
	struct path_socket ways[WAYS];
	bool live[WAYS];
	struct pathsearch search;
	uint32_t ids; /* the last one; sent[id - 1] is its size */
	uint32_t sent[PATHMTU_PACKETS];
	int64_t sent_at[PATHMTU_PACKETS]; /* microseconds */
	int64_t wait_ms;
	int64_t udp_answers, udp_since;
	bool interrupted;
	int refused_why; /* what a router, or this machine, says about the host */
	struct sockaddr_storage refused_by;
	uint32_t back_low, back_high, piece; /* of the way back: fits, does not, size of fragments */
};

/* ---- one probe ---- */

static int64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool spent(const struct finder *f)
{
	return f->interrupted || f->ids >= PATHMTU_PACKETS || clock_ms() >= f->p->deadline;
}

static void heard_back(struct finder *f, const struct path_socket *s, const struct path_news *n, uint32_t size)
{
	if (s->way != &path_by_echo || n->id == 0)
		return;
	if (n->piece == 0 && size > f->back_low)
		f->back_low = size;
	if (n->piece > 0 && n->piece < size) {
		f->piece = n->piece > f->piece ? n->piece : f->piece;
		if (size < f->back_high)
			f->back_high = size;
	}
}

static void measured(struct finder *f, uint32_t id)
{
	int64_t took = clock_us() - f->sent_at[id - 1];

	if (f->p->rtt_us < 0 || took < f->p->rtt_us)
		f->p->rtt_us = took;
	/* A host that was slow once may be slow again. */
	took = 3 * took / 1000 + 150;
	if (took > f->wait_ms || f->wait_ms == FIRST_WAIT_MS)
		f->wait_ms = took > 2 * FIRST_WAIT_MS ? 2 * FIRST_WAIT_MS : took;
}

/* News about whichever probe. The id it is about, 0 if it is of no interest. */
static uint32_t digest(struct finder *f, const struct path_socket *s, struct path_news *n, uint32_t current)
{
	uint32_t id = n->id ? n->id : current;

	if (n->what == PATH_NOTHING || id == 0 || id > f->ids)
		return 0;
	if (n->what == PATH_ARRIVED) {
		measured(f, id);
		heard_back(f, s, n, f->sent[id - 1]);
		f->udp_answers += s->way == &path_by_udp;
		if (id != current && f->search.low > 0)
			pathsearch_arrived(&f->search, f->sent[id - 1]);
	}
	return id;
}

/* Wait for news until ${until}; false if none came. */
static bool hear(struct finder *f, int64_t until, uint32_t current, int *from, uint32_t *id, struct path_news *news)
{
	struct pollfd fds[WAYS];
	int64_t now;

	for (;;) {
		for (int i = 0; i < WAYS; i++) {
			while (path_receive(&f->ways[i], news)) {
				*from = i;
				*id = digest(f, &f->ways[i], news, current);
				if (*id)
					return true;
			}
			fds[i] = (struct pollfd){.fd = f->ways[i].fd, .events = POLLIN};
		}
		now = clock_ms();
		if (f->p->interrupted && f->p->interrupted(f->p->owner))
			f->interrupted = true;
		if (now >= until || now >= f->p->deadline || f->interrupted)
			return false;
		until = until < f->p->deadline ? until : f->p->deadline;
		poll(fds, WAYS, (int)(until - now < SLICE_MS ? until - now : SLICE_MS));
	}
}

/* Send a probe of ${size}. Its id; 0 after an error, which is in ${news}. */
static uint32_t emit(struct finder *f, int way, struct path_probe probe, struct path_news *news)
{
	int why;

	memset(news, 0, sizeof(*news));
	if (spent(f))
		return 0;
	probe.id = ++f->ids;
	f->sent[probe.id - 1] = probe.size;
	f->sent_at[probe.id - 1] = clock_us();
	why = path_send(&f->ways[way], &probe);
	if (why == 0) {
		f->p->packets++;
		return probe.id;
	}
	news->what = why == EMSGSIZE ? PATH_TOO_BIG : PATH_UNREACHABLE;
	news->why = why;
	return 0;
}

/* A host answers only so many datagrams a second: more would look lost. */
static void pace(struct finder *f)
{
	struct path_news news;
	uint32_t id;
	int from;

	for (;;) {
		int64_t earned = (clock_ms() - f->udp_since) / 1000;

		if (f->udp_answers - earned <= BURST || spent(f))
			return;
		hear(f, f->udp_since + (earned + 1) * 1000, 0, &from, &id, &news);
	}
}

/* One probe and what becomes of it; PATH_NOTHING: silence. */
static struct path_news ask(struct finder *f, int way, struct path_probe probe)
{
	struct path_news news;
	uint32_t current, id;
	int64_t until;
	int from;

	if (way == UDP)
		pace(f);
	current = emit(f, way, probe, &news);
	if (!current)
		return news;
	until = clock_ms() + f->wait_ms;
	while (hear(f, until, current, &from, &id, &news))
		if (id == current && news.what != PATH_EXPIRED)
			return news;
	memset(&news, 0, sizeof(news));
	return news;
}

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
	uint32_t id, of[WAYS];
	bool any = false;
	int from, open = 0;

	for (int i = 0; i < WAYS; i++) {
		of[i] = f->ways[i].fd < 0 ? 0 : emit(f, i, (struct path_probe){.size = size}, &news);
		if (news.what == PATH_UNREACHABLE)
			refused(f, &news);
		open += of[i] != 0;
	}
	while (open > 0 && hear(f, until, of[UDP] ? of[UDP] : of[ECHO], &from, &id, &news)) {
		if (news.what == PATH_ARRIVED && !f->live[from]) {
			f->live[from] = true;
			if (!any)
				until = clock_ms() + 50 + (clock_us() - f->sent_at[id - 1]) / 500;
			any = true;
			open--;
		} else if (news.what == PATH_UNREACHABLE) {
			refused(f, &news);
			open--;
		}
	}
	return any;
}

static bool contact(struct finder *f)
{
	for (int i = 0; i < TRIES && !spent(f); i++) {
		/* It takes the kernel three seconds to learn that nobody has an address on the link. */
		if (contact_round(f, f->search.floor, i + 1 < TRIES ? f->wait_ms : 2 * f->wait_ms)) {
			pathsearch_arrived(&f->search, f->search.floor);
			return true;
		}
		if (f->refused_why)
			break;
	}
	return false;
}

/* ---- the search ---- */

static int way_of_try(const struct finder *f, int number)
{
	if (f->live[ECHO] && f->live[UDP])
		return number % 2 ? UDP : ECHO;
	return f->live[ECHO] || (!f->live[UDP] && f->ways[UDP].fd < 0) ? ECHO : UDP;
}

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
	for (int i = 0; i < TRIES; i++) {
		struct path_news n = ask(f, way_of_try(f, i), (struct path_probe){.size = size});

		if (n.what == PATH_ARRIVED)
			pathsearch_arrived(&f->search, size);
		else if (n.what == PATH_TOO_BIG)
			too_big(f, size, &n);
		else if (spent(f))
			return -1;
		/* A late answer to an earlier probe may have settled it, too. */
		if (f->search.low >= size || f->search.high <= size)
			return 0;
	}
	pathsearch_lost(&f->search, size);
	return 0;
}

static void search(struct finder *f)
{
	uint32_t size;

	while ((size = pathsearch_next(&f->search)) != 0 && try_size(f, size) == 0)
		;
}

/* The host is silent: what do the routers say about large packets? */
static void ask_routers(struct finder *f)
{
	uint32_t size = f->search.ceiling;

	f->search.low = 1; /* so that silence about a size is no statement about the host */
	for (int i = 0; i < TRIES && size > f->search.floor; i++) {
		struct path_news n = ask(f, way_of_try(f, 0), (struct path_probe){.size = size});

		if (n.what != PATH_TOO_BIG)
			break;
		too_big(f, size, &n);
		if (f->search.high - 1 >= size)
			break;
		size = f->search.high - 1;
	}
	f->p->mtu = f->search.high - 1;
}

/* ---- the last router before a hole, the way back ---- */

static void find_hole(struct finder *f)
{
	int way = way_of_try(f, 0), from, hops[PATHMTU_PACKETS + 1] = {0};
	int64_t until = clock_ms() + f->wait_ms;
	struct path_news news;
	uint32_t id;

	for (int hop = 1; hop <= HOPS; hop++) {
		id = emit(f, way, (struct path_probe){.size = f->search.high, .hops = hop}, &news);
		hops[id] = hop;
	}
	while (hear(f, until, 0, &from, &id, &news))
		if (news.what == PATH_EXPIRED && hops[id] > (int)f->p->last_hop) {
			f->p->last_hop = (unsigned)hops[id];
			f->p->last = news.from;
		}
}

static bool ask_back(struct finder *f, uint32_t size)
{
	struct path_probe probe = {.size = size, .fragment = size > f->search.low, .pieces = f->search.low};

	for (int i = 0; i < 2; i++)
		if (ask(f, ECHO, probe).what == PATH_ARRIVED)
			return true;
	return false;
}

/* Fragments carry a multiple of eight bytes: the last seven bytes of the size are found by asking. */
static void find_back(struct finder *f)
{
	struct pathmtu *p = f->p;
	uint32_t low, high;

	if (!f->live[ECHO])
		return;
	if (f->piece == 0 && f->back_low < f->search.ceiling)
		ask_back(f, f->search.ceiling);
	p->back = f->back_low;
	if (f->piece == 0)
		return;
	low = f->piece > f->back_low ? f->piece : f->back_low;
	high = f->piece + 7 < f->back_high - 1 ? f->piece + 7 : f->back_high - 1;
	p->back_exact = true;
	while (low < high && p->back_exact) {
		uint32_t middle = low + (high - low + 1) / 2;

		p->back_exact = ask_back(f, middle) && (f->back_low >= middle || f->back_high <= middle);
		low = f->back_low > low ? f->back_low : low;
		high = f->back_high - 1 < high ? f->back_high - 1 : high;
	}
	p->back = low;
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

static void conclude(struct finder *f)
{
	struct pathmtu *p = f->p;

	p->mtu = f->search.low;
	p->exact = pathsearch_exact(&f->search);
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
	if (p->limit == LIMIT_HOLE && f->ids + HOPS <= PATHMTU_PACKETS)
		find_hole(f);
	if (!spent(f))
		find_back(f);
	p->by_echo = f->live[ECHO];
	p->by_udp = f->live[UDP];
}

static void begin(struct finder *f, struct pathmtu *p)
{
	uint32_t floor = p->to.ss_family == AF_INET ? FLOOR4 : FLOOR6;
	uint32_t ceiling = p->local < PACKET_MOST ? p->local : PACKET_MOST;

	memset(f, 0, sizeof(*f));
	f->p = p;
	f->wait_ms = FIRST_WAIT_MS;
	f->udp_since = clock_ms();
	f->back_high = UINT32_MAX;
	pathsearch_init(&f->search, floor < ceiling ? floor : ceiling, ceiling);
	p->rtt_us = -1;
	path_open(&f->ways[ECHO], &path_by_echo, &p->to);
	path_open(&f->ways[UDP], &path_by_udp, &p->to);
}

int pathmtu_find(struct pathmtu *p, struct error *e)
{
	struct finder f;
	int rc;

	begin(&f, p);
	if (f.ways[ECHO].fd < 0 && f.ways[UDP].fd < 0) {
		rc = error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot send probes: %s", strerror(errno));
	} else if (contact(&f)) {
		p->answered = true;
		search(&f);
		conclude(&f);
		rc = f.interrupted ? error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted") : 0;
	} else {
		rc = no_answer(&f, e);
	}
	for (int i = 0; i < WAYS; i++)
		path_close(&f.ways[i]);
	return rc;
}
