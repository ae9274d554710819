#include "pathmtu_finder.h"

#define QUESTION 300 /* size of a question about it */

/* ---- by echo: the pieces in which the answer comes ---- */

static bool ask_back(struct finder *f, uint32_t size)
{
	struct path_probe probe = {.size = size, .fragment = size > f->search.low, .pieces = f->search.low};

	for (int i = 0; i < 2; i++)
		if (finder_ask(f, FINDER_ECHO, probe).what == PATH_ARRIVED)
			return true;
	return false;
}

/* Fragments carry a multiple of eight bytes: the last seven bytes of the size are found by asking. */
static void by_echo(struct finder *f)
{
	struct pathmtu *p = f->p;
	uint32_t low, high;

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

/* ---- by a vault-udp peer: answers of any size ---- */

/* Is anything known about the size by now? */
static bool ask_size(struct finder *f, struct pathsearch *s, uint32_t size)
{
	struct path_news n = finder_ask(f, FINDER_VAULT, (struct path_probe){.size = QUESTION, .back = size});

	if (n.what != PATH_ARRIVED || n.piece > 0)
		return false;
	pathsearch_arrived(s, n.back);
	/* It did not even try: its route takes no more, perhaps since a router told it. */
	if (n.back < size)
		pathsearch_too_big(s, size, n.most);
	return true;
}

/* Until something is known about the size, or time or packets are used up (-1). */
static int try_back(struct finder *f, struct pathsearch *s, uint32_t size)
{
	for (int i = 0; i < FINDER_TRIES; i++) {
		if (!ask_size(f, s, size) && finder_spent(f))
			return -1;
		if (s->low >= size || s->high <= size)
			return 0;
	}
	pathsearch_lost(s, size);
	return 0;
}

/* What was lost by accident arrives now. */
static bool by_accident(struct finder *f, struct pathsearch *s)
{
	for (int i = 0; i < FINDER_TRIES && !finder_spent(f); i++)
		if (ask_size(f, s, s->high))
			return true;
	return false;
}

static void by_vault(struct finder *f)
{
	struct pathmtu *p = f->p;
	struct pathsearch s;
	uint32_t size, most;

	/* What fits in one piece the other way round. */
	if (f->live[FINDER_ECHO] && f->back_low < f->search.low)
		finder_ask(f, FINDER_ECHO, (struct path_probe){.size = f->search.low});
	/* An older peer does not say what its route takes, and answers as it likes. */
	most = f->peer_most > f->back_low ? f->peer_most : f->back_low;
	pathsearch_init(&s, f->back_low, most);
	pathsearch_arrived(&s, f->back_low);
	do {
		while ((size = pathsearch_next(&s)) != 0 && try_back(f, &s, size) == 0)
			;
	} while (size == 0 && s.vanished && by_accident(f, &s));
	p->back = s.low;
	p->back_exact = pathsearch_exact(&s) && s.low <= f->peer_most && s.low < finder_vault_most(f);
	p->back_hole = s.vanished;
}

void pathmtu_back(struct finder *f)
{
	if (f->live[FINDER_VAULT])
		by_vault(f);
	else if (f->live[FINDER_ECHO])
		by_echo(f);
}
