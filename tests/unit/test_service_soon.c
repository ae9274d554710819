/*
 * service_soon: guests are stepped in the order in which that was asked for; one that asks again and again holds neither
 * the others nor the loop. And the lines in which they stand.
 */
#include "run/service.h"
#include "unit.h"

#define GUESTS 300

static struct service v;
static struct guest guests[GUESTS];
static uint64_t steps[GUESTS], order[GUESTS];
static size_t done;
static int64_t turns;

/* The first one wants more at once, and gets nowhere. */
static bool step(struct guest *g)
{
	size_t i = (size_t)(g - guests);

	if (steps[i]++ == 0)
		order[done++] = i;
	if (i == 0)
		service_soon(g);
	return false;
}

static void turn(struct service *service)
{
	(void)service;
	turns++;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void run(double seconds)
{
	ev_timer timer;

	ev_timer_init(&timer, on_timer, seconds, 0.);
	ev_timer_start(v.loop, &timer);
	ev_run(v.loop, 0);
	ev_timer_stop(v.loop, &timer);
}

static void begin(const struct service_kind *kind)
{
	v = (struct service){.kind = kind, .loop = ev_default_loop(EVFLAG_NOENV)};
	done = 0;
	turns = 0;
	for (size_t i = 0; i < GUESTS; i++) {
		guests[i] = (struct guest){.service = &v};
		steps[i] = 0;
	}
	service_soon_start(&v);
}

static const struct service_kind kind = {.step = step, .turn = turn};

static void test_one_that_never_ends(void)
{
	begin(&kind);
	for (size_t i = 0; i < GUESTS; i++)
		service_soon(&guests[i]);
	service_soon(&guests[1]); /* (it stands there already) */
	run(0.05);
	CHECK_INT(done, GUESTS);
	for (size_t i = 0; i < GUESTS; i++) {
		CHECK_INT(order[i], i);
		CHECK(i == 0 || steps[i] == 1);
	}
	CHECK(steps[0] > 64);
	CHECK(turns > 2);
	service_not_soon(&guests[0]);
	CHECK(v.soon.first == NULL);
	service_soon_stop(&v);
}

/* With nothing to do the loop sleeps. */
static void test_sleep(void)
{
	begin(&kind);
	service_soon(&guests[7]);
	run(0.05);
	CHECK_INT(steps[7], 1);
	CHECK(turns <= 3);
	service_soon_stop(&v);
}

static void test_lines(void)
{
	struct line l = {NULL, NULL};
	struct line_place p[5] = {{.taken = false}};

	for (size_t i = 0; i < 5; i++)
		line_join(&l, &p[i], &guests[i]);
	line_join(&l, &p[0], &guests[0]);
	line_leave(&l, &p[2]);
	line_leave(&l, &p[2]);
	line_leave(&l, &p[4]);
	CHECK(l.last == &p[3] && p[3].behind == NULL && p[3].before == &p[1] && p[1].behind == &p[3]);
	line_leave(&l, &p[0]);
	CHECK(l.first == &p[1] && p[1].before == NULL && l.first->guest == &guests[1]);
	line_join(&l, &p[0], &guests[0]);
	CHECK(l.last == &p[0] && p[3].behind == &p[0]);
	for (size_t i = 0; i < 5; i++)
		line_leave(&l, &p[i]);
	CHECK(l.first == NULL && l.last == NULL);
}

int main(void)
{
	RUN(test_one_that_never_ends);
	RUN(test_sleep);
	RUN(test_lines);
	UNIT_DONE();
}
