#include "waits.h"

#include <string.h>
#include <time.h>

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* In a stretch of waiting for the network, that had something to carry for only so long: the rest was for the peer. */
void waits_settle(struct waits *w)
{
	int64_t busy, rest;

	if (!w->stretch)
		return;
	w->stretch = false;
	busy = w->busy(w->owner);
	if (busy == INT64_MAX)
		return;
	rest = w->stretch_us - (busy > w->stretch_busy ? busy - w->stretch_busy : 0);
	if (rest <= 0)
		return;
	w->us[WAITS_NETWORK] -= rest;
	w->us[w->rest] += rest;
}

/* Close the account that runs and open another. */
static void turn(struct waits *w, enum waits_for next)
{
	enum waits_for rest = next == WAITS_TAIL ? WAITS_PEER_INPUT : WAITS_PEER_OUTPUT;
	int64_t now = now_us();

	if (next == WAITS_TAIL)
		next = WAITS_NETWORK;
	w->us[w->now] += now - w->mark;
	if (w->now == WAITS_NETWORK)
		w->stretch_us += now - w->mark;
	w->mark = now;
	w->now = next;
	if (next == WAITS_CPU)
		return;
	if (next != WAITS_NETWORK || rest != w->rest)
		waits_settle(w);
	if (next == WAITS_NETWORK && !w->stretch) {
		w->stretch = true;
		w->rest = rest;
		w->stretch_us = 0;
		w->stretch_busy = w->busy(w->owner);
	}
}

static void on_prepare(struct ev_loop *loop, ev_prepare *p, int events)
{
	struct waits *w = p->data;

	(void)loop;
	(void)events;
	turn(w, w->ask(w->owner));
}

static void on_check(struct ev_loop *loop, ev_check *c, int events)
{
	(void)loop;
	(void)events;
	turn(c->data, WAITS_CPU);
}

void waits_start(struct waits *w, struct ev_loop *loop, enum waits_for (*ask)(void *), int64_t (*busy)(void *), void *owner)
{
	memset(w, 0, sizeof *w);
	w->loop = loop;
	w->ask = ask;
	w->busy = busy;
	w->owner = owner;
	w->mark = now_us();
	ev_prepare_init(&w->prepare, on_prepare);
	ev_check_init(&w->check, on_check);
	w->prepare.data = w->check.data = w;
	ev_prepare_start(loop, &w->prepare);
	ev_check_start(loop, &w->check);
	/* They only look on: the loop ends when nothing else is left. */
	ev_unref(loop);
	ev_unref(loop);
}

void waits_stop(struct waits *w)
{
	if (!w->loop)
		return;
	turn(w, WAITS_CPU);
	waits_settle(w);
	ev_ref(w->loop);
	ev_ref(w->loop);
	ev_prepare_stop(w->loop, &w->prepare);
	ev_check_stop(w->loop, &w->check);
	w->loop = NULL;
}

double waits_share(const struct waits *w, enum waits_for what)
{
	int64_t all = 0;

	for (int i = 0; i < WAITS_COUNT; i++)
		all += w->us[i];
	return all > 0 ? (double)w->us[what] / (double)all : 0;
}

const char *waits_verdict(const struct waits *w)
{
	static const char *const lines[WAITS_COUNT] = {
	    [WAITS_CPU] = "limited by this side's CPU",
	    [WAITS_INPUT] = "limited by our own input",
	    [WAITS_OUTPUT] = "limited by our own output",
	    [WAITS_NETWORK] = "limited by the network",
	    [WAITS_PEER_OUTPUT] = "limited by the peer's output",
	    [WAITS_PEER_INPUT] = "limited by the peer's input (or the network)",
	    [WAITS_PACE] = "limited by --rate-limit",
	};
	int most = 0;

	for (int i = 1; i < WAITS_COUNT; i++)
		if (w->us[i] > w->us[most])
			most = i;
	return lines[most];
}

const char *waits_name(enum waits_for what)
{
	static const char *const names[WAITS_COUNT] = {"cpu", "input", "output", "network", "peer_output", "peer_input",
	    "pace"};

	return names[what];
}
