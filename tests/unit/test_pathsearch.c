/* The search for the largest packet: found exactly on every path, with few probes, whatever is said on the way. */
#include "proto/pathsearch.h"
#include "unit.h"

/* A path of two links: the first refuses loudly, the second swallows. */
struct path {
	uint32_t loud, silent; /* what fits; UINT32_MAX: no such link */
	bool no_mtu;	       /* refuses, but does not say what fits */
	uint32_t lie;	       /* says that this fits, 0 = the truth */
};

static unsigned walk(struct pathsearch *s, const struct path *p)
{
	unsigned probes = 0;
	uint32_t size;

	while ((size = pathsearch_next(s)) != 0 && probes < 100) {
		CHECK(size >= s->floor && size <= s->ceiling);
		CHECK(size > s->low && size < s->high);
		probes++;
		if (size > p->loud)
			pathsearch_too_big(s, size, p->no_mtu ? 0 : p->lie ? p->lie : p->loud);
		else if (size > p->silent)
			pathsearch_lost(s, size);
		else
			pathsearch_arrived(s, size);
	}
	return probes;
}

static void found(uint32_t ceiling, struct path p, uint32_t most, bool hole, unsigned probes)
{
	struct pathsearch s;
	unsigned took;

	pathsearch_init(&s, 68, ceiling);
	took = walk(&s, &p);
	CHECK(pathsearch_exact(&s));
	CHECK_INT(s.low, most);
	CHECK_INT(s.vanished, hole);
	CHECK(took <= probes);
	if (took > probes)
		fprintf(stderr, "%u probes for %u of %u\n", took, most, ceiling);
}

static void all_fits(void)
{
	found(1500, (struct path){UINT32_MAX, UINT32_MAX, false, 0}, 1500, false, 2);
	found(65535, (struct path){UINT32_MAX, UINT32_MAX, false, 0}, 65535, false, 2);
	found(68, (struct path){UINT32_MAX, UINT32_MAX, false, 0}, 68, false, 1);
}

static void routers_say_it(void)
{
	found(1500, (struct path){1280, UINT32_MAX, false, 0}, 1280, false, 3);
	found(9000, (struct path){576, UINT32_MAX, false, 0}, 576, false, 3);
	found(1500, (struct path){1400, UINT32_MAX, true, 0}, 1400, false, 14);
}

static void holes(void)
{
	for (uint32_t most = 68; most < 1500; most++)
		found(1500, (struct path){UINT32_MAX, most, false, 0}, most, true, 14);
	found(65535, (struct path){UINT32_MAX, 40000, false, 0}, 40000, true, 18);
	/* One that speaks before one that does not. */
	found(1500, (struct path){1400, 1280, false, 0}, 1280, true, 14);
	/* What is swallowed above, and refused below: the refusal is the limit. */
	found(1500, (struct path){1280, 1400, false, 0}, 1280, false, 14);
}

/* Anybody can send a "too big"; it may cost probes, and never gives a size that does not get through. */
static void lies(void)
{
	struct path p = {1400, UINT32_MAX, false, 0};
	struct pathsearch s;

	p.lie = 1490; /* too much: found by trying */
	found(1500, p, 1400, false, 14);
	p.lie = 10; /* below the floor, more than refused: not a size at all */
	found(1500, p, 1400, false, 14);
	p.lie = 4000;
	found(1500, p, 1400, false, 14);
	pathsearch_init(&s, 68, 1500);
	pathsearch_arrived(&s, 68);
	pathsearch_arrived(&s, 1400);
	pathsearch_too_big(&s, 1300, 900); /* has arrived already */
	CHECK_INT(s.low, 1400);
	CHECK_INT(s.high, 1501);
	pathsearch_too_big(&s, 1500, 900); /* a refusal, with a number that cannot be */
	CHECK_INT(s.high, 1500);
	CHECK_INT(s.hint, 0);
}

/* A loss was chance after all. */
static void second_thoughts(void)
{
	struct pathsearch s;

	pathsearch_init(&s, 68, 1500);
	pathsearch_arrived(&s, 68);
	pathsearch_lost(&s, 1400);
	CHECK(s.vanished);
	pathsearch_arrived(&s, 1450);
	CHECK(!s.vanished);
	CHECK_INT(walk(&s, &(struct path){UINT32_MAX, UINT32_MAX, false, 0}), 1);
	CHECK_INT(s.low, 1500);
	CHECK(pathsearch_exact(&s));
}

static void nothing_arrives(void)
{
	struct pathsearch s;

	pathsearch_init(&s, 68, 1500);
	CHECK_INT(pathsearch_next(&s), 68);
	pathsearch_lost(&s, 68);
	CHECK_INT(pathsearch_next(&s), 0);
	CHECK(!pathsearch_exact(&s));
	CHECK_INT(s.low, 0);
}

int main(void)
{
	RUN(all_fits);
	RUN(routers_say_it);
	RUN(holes);
	RUN(lies);
	RUN(second_thoughts);
	RUN(nothing_arrives);
	UNIT_DONE();
}
