/* waits: shares, the verdict, what is put down to the peer; and that the accounts follow the loop. */
#include "run/waits.h"

#include <math.h>
#include <stdbool.h>

#include "unit.h"

static bool near(double a, double b)
{
	return fabs(a - b) < 0.0001;
}

static void test_shares(void)
{
	struct waits w = {.us = {[WAITS_CPU] = 100, [WAITS_INPUT] = 300, [WAITS_PACE] = 600}};
	struct waits none = {0};
	double sum = 0;

	CHECK(near(waits_share(&w, WAITS_CPU), 0.1));
	CHECK(near(waits_share(&w, WAITS_INPUT), 0.3));
	CHECK(near(waits_share(&w, WAITS_PACE), 0.6));
	CHECK(near(waits_share(&w, WAITS_OUTPUT), 0));
	for (int i = 0; i < WAITS_COUNT; i++)
		sum += waits_share(&w, (enum waits_for)i);
	CHECK(near(sum, 1));
	CHECK(near(waits_share(&none, WAITS_CPU), 0));
}

static void test_verdict(void)
{
	static const char *const texts[WAITS_COUNT] = {"limited by this side's CPU", "limited by our own input",
	    "limited by our own output", "limited by the network", "limited by the peer's output",
	    "limited by the peer's input (or the network)", "limited by --rate-limit"};
	static const char *const names[WAITS_COUNT] = {"cpu", "input", "output", "network", "peer_output", "peer_input",
	    "pace"};

	for (int i = 0; i < WAITS_COUNT; i++) {
		struct waits w;

		memset(&w, 0, sizeof(w));
		for (int k = 0; k < WAITS_COUNT; k++)
			w.us[k] = 10 + k;
		w.us[i] = 1000;
		CHECK_STR(waits_verdict(&w), texts[i]);
		CHECK_STR(waits_name((enum waits_for)i), names[i]);
	}
}

static enum waits_for now_for;

static enum waits_for ask(void *owner)
{
	(void)owner;
	return now_for;
}

static int64_t busy_us; /* what the kernel would say */

static int64_t busy(void *owner)
{
	(void)owner;
	return busy_us;
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)t;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* Returns how many microseconds that took, which on a busy machine may be more. */
static int64_t sleep_for(struct ev_loop *loop, enum waits_for what, double seconds)
{
	double began = ev_time();
	ev_timer timer;

	now_for = what;
	ev_timer_init(&timer, on_timer, seconds, 0.);
	ev_now_update(loop);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	ev_timer_stop(loop, &timer);
	return (int64_t)((ev_time() - began) * 1e6) + 1000;
}

/* A real loop: what it sleeps for is what is asked for, and the watchers do not keep it alive. */
static void test_loop(void)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	int64_t input, pace;
	struct waits w;

	waits_start(&w, loop, ask, busy, NULL);
	input = sleep_for(loop, WAITS_INPUT, 0.05);
	pace = sleep_for(loop, WAITS_PACE, 0.02);
	ev_run(loop, 0); /* nothing is left: it returns */
	waits_stop(&w);
	waits_stop(&w);
	CHECK(w.us[WAITS_INPUT] >= 40000);
	CHECK(w.us[WAITS_PACE] >= 10000);
	CHECK(w.us[WAITS_INPUT] <= input && w.us[WAITS_PACE] <= pace);
	CHECK_INT(w.us[WAITS_OUTPUT], 0);
	ev_loop_destroy(loop);
}

/* What the network did before or between does not count for a stretch in which it had nothing to do. */
static void test_blame(void)
{
	static const struct {
		int64_t before, during; /* microseconds that it was busy */
		bool peer, network;	/* who gets a good share of 50 ms */
	} cases[] = {{0, 0, true, false}, {1000000, 0, true, false}, {0, 60000000, false, true}, {5, 25000, true, true},
	    {INT64_MAX, 0, false, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
		struct waits w, copy;

		busy_us = 0;
		waits_start(&w, loop, ask, busy, NULL);
		busy_us = cases[i].before;
		sleep_for(loop, WAITS_INPUT, 0.01);
		sleep_for(loop, WAITS_TAIL, 0.02);
		busy_us += cases[i].before == INT64_MAX ? 0 : 1000;
		sleep_for(loop, WAITS_NETWORK, 0.025);
		sleep_for(loop, WAITS_NETWORK, 0.025);
		busy_us += cases[i].during;
		copy = w;
		waits_settle(&copy);
		waits_settle(&copy);
		CHECK_INT(copy.us[WAITS_PEER_OUTPUT] >= 20000, cases[i].peer);
		CHECK_INT(copy.us[WAITS_NETWORK] >= 20000, cases[i].network);
		CHECK_INT(w.us[WAITS_PEER_OUTPUT], 0);
		sleep_for(loop, WAITS_INPUT, 0.01);
		busy_us += cases[i].before == INT64_MAX ? 0 : 10000000; /* too late to be meant */
		waits_stop(&w);
		CHECK_INT(w.us[WAITS_PEER_OUTPUT] >= 20000, cases[i].peer);
		CHECK_INT(w.us[WAITS_NETWORK] >= 20000, cases[i].network);
		CHECK(w.us[WAITS_NETWORK] >= 0);
		/* What the network was not to blame for in the tail. */
		CHECK_INT(w.us[WAITS_PEER_INPUT] >= 19000, cases[i].before != INT64_MAX);
		ev_loop_destroy(loop);
	}
}

int main(void)
{
	RUN(test_shares);
	RUN(test_verdict);
	RUN(test_blame);
	RUN(test_loop);
	UNIT_DONE();
}
