#include "pathmtu_finder.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "proto/datagram.h"

#define SLICE_MS 100
#define BURST 5	 /* port unreachables that a host sends at once; then one a second (Linux: icmp_ratelimit) */
#define PARTING 2 /* packets kept for the vault-udp peer: an answer, a farewell */

static int64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t finder_took_us(const struct finder *f, uint32_t id)
{
	return clock_us() - f->sent_at[id - 1];
}

bool finder_spent(const struct finder *f)
{
	unsigned most = PATHMTU_PACKETS - (f->ways[FINDER_VAULT].fd >= 0 ? PARTING : 0);

	return f->interrupted || f->deaf || f->ids >= most || f->p->packets >= most || clock_ms() >= f->p->deadline;
}

uint32_t finder_vault_most(const struct finder *f)
{
	return DATAGRAM_MAX + 8 + (uint32_t)path_ip_header(f->p->to.ss_family);
}

/* Answers that prove who they are from come first, and no host is tired of them. */
int finder_way(const struct finder *f, uint32_t size, int number)
{
	static const int order[] = {FINDER_VAULT, FINDER_ECHO, FINDER_UDP};
	int fit[FINDER_WAYS], n = 0;

	for (int i = 0; i < FINDER_WAYS; i++)
		if (f->live[order[i]] && (order[i] != FINDER_VAULT || size <= finder_vault_most(f)))
			fit[n++] = order[i];
	if (n > 0)
		return fit[number % n];
	return f->ways[FINDER_UDP].fd < 0 ? FINDER_ECHO : FINDER_UDP;
}

static void heard_back(struct finder *f, const struct path_socket *s, const struct path_news *n, uint32_t size)
{
	if (n->most > 0)
		f->peer_most = n->most;
	if (n->back > f->back_low && n->piece == 0)
		f->back_low = n->back;
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
	int64_t took = finder_took_us(f, id);

	if (f->p->rtt_us < 0 || took < f->p->rtt_us)
		f->p->rtt_us = took;
	/* A host that was slow once may be slow again. */
	took = 3 * took / 1000 + 150;
	if (took > f->wait_ms || f->wait_ms == FINDER_WAIT_MS)
		f->wait_ms = took > 2 * FINDER_WAIT_MS ? 2 * FINDER_WAIT_MS : took;
}

static uint32_t of_peer(struct finder *f, struct path_socket *s, enum path_outcome what)
{
	if (what == PATH_TALKS) {
		f->p->met = PATH_PEER_TALKED;
		f->live[FINDER_VAULT] = true;
		return FINDER_OF_PEER;
	}
	if (f->p->met == PATH_PEER_SILENT)
		f->p->met = PATH_PEER_CLOSED;
	f->deaf = f->live[FINDER_VAULT] && !f->live[FINDER_ECHO] && !f->live[FINDER_UDP];
	f->live[FINDER_VAULT] = false;
	path_close(s);
	return FINDER_OF_PEER;
}

/* News about whichever probe. The id it is about, 0 if it is of no interest. */
static uint32_t digest(struct finder *f, struct path_socket *s, struct path_news *n, uint32_t current)
{
	uint32_t id = n->id ? n->id : current;

	if (n->what == PATH_TALKS || n->what == PATH_CLOSED)
		return of_peer(f, s, n->what);
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

bool finder_hear(struct finder *f, int64_t until, uint32_t current, int *from, uint32_t *id, struct path_news *news)
{
	struct pollfd fds[FINDER_WAYS];
	int64_t now;

	for (;;) {
		for (int i = 0; i < FINDER_WAYS; i++) {
			if (f->ways[i].fd >= 0 && f->ways[i].way->tick)
				f->ways[i].way->tick(&f->ways[i]);
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
		poll(fds, FINDER_WAYS, (int)(until - now < SLICE_MS ? until - now : SLICE_MS));
	}
}

uint32_t finder_emit(struct finder *f, int way, struct path_probe probe, struct path_news *news)
{
	int why;

	memset(news, 0, sizeof(*news));
	if (finder_spent(f))
		return 0;
	probe.id = ++f->ids;
	f->sent[probe.id - 1] = probe.size;
	f->sent_at[probe.id - 1] = clock_us();
	why = path_send(&f->ways[way], &probe);
	if (why == 0)
		return probe.id;
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

		if (f->udp_answers - earned <= BURST || finder_spent(f))
			return;
		finder_hear(f, f->udp_since + (earned + 1) * 1000, 0, &from, &id, &news);
	}
}

struct path_news finder_ask(struct finder *f, int way, struct path_probe probe)
{
	struct path_news news;
	uint32_t current, id;
	int64_t until;
	int from;

	if (way == FINDER_UDP)
		pace(f);
	current = finder_emit(f, way, probe, &news);
	if (!current)
		return news;
	until = clock_ms() + f->wait_ms;
	while (finder_hear(f, until, current, &from, &id, &news))
		if (id == current && news.what != PATH_EXPIRED)
			return news;
	memset(&news, 0, sizeof(news));
	return news;
}

void finder_begin(struct finder *f, struct pathmtu *p)
{
	memset(f, 0, sizeof(*f));
	f->p = p;
	f->wait_ms = FINDER_WAIT_MS;
	f->udp_since = clock_ms();
	f->back_high = UINT32_MAX;
	path_open(&f->ways[FINDER_VAULT], &path_by_vault, p);
	path_open(&f->ways[FINDER_ECHO], &path_by_echo, p);
	path_open(&f->ways[FINDER_UDP], &path_by_udp, p);
}

void finder_end(struct finder *f)
{
	for (int i = 0; i < FINDER_WAYS; i++)
		path_close(&f->ways[i]);
}
