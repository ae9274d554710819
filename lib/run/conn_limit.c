/* A connection that may carry only so many bytes a second (rate= in authorized_keys). */
#include "conn_limit.h"

#include <stdlib.h>

#include "clock.h"
#include "proto/rate.h"

#define PIECES 20 /* a second */

struct conn_limit {
	struct rate rate[2]; /* in, out */
	bool frozen[2];
	ev_timer thaw;
};

static void on_thaw(struct ev_loop *loop, ev_timer *w, int events)
{
	struct conn *c = w->data;

	(void)loop;
	(void)events;
	c->limit->frozen[0] = c->limit->frozen[1] = false;
	conn_tell_time(c);
	conn_step(c);
}

int conn_limit(struct conn *c, uint64_t rate)
{
	if (!c->limit)
		c->limit = calloc(1, sizeof *c->limit);
	if (!c->limit)
		return -1;
	ev_timer_init(&c->limit->thaw, on_thaw, 0., 0.);
	c->limit->thaw.data = c;
	for (int way = 0; way < 2; way++)
		rate_init(&c->limit->rate[way], rate, 0, clock_ms());
	return 0;
}

static void freeze(struct conn *c, bool out)
{
	struct conn_limit *l = c->limit;
	struct rate *r = &l->rate[out];
	uint64_t enough = r->per_second / PIECES;
	int64_t ms = rate_wait(r, enough > 0 ? enough : 1);

	l->frozen[out] = true;
	if (ev_is_active(&l->thaw))
		return;
	ev_now_update(c->loop);
	ev_timer_set(&l->thaw, (double)ms / 1000 + 0.0005, 0.);
	ev_timer_start(c->loop, &l->thaw);
}

size_t conn_allowed(struct conn *c, bool out, size_t n)
{
	uint64_t left;

	if (!c->limit)
		return n;
	left = c->limit->frozen[out] ? 0 : rate_available(&c->limit->rate[out], clock_ms());
	if (left == 0)
		freeze(c, out);
	return left < n ? (size_t)left : n;
}

void conn_passed(struct conn *c, bool out, size_t n)
{
	if (c->limit)
		rate_take(&c->limit->rate[out], n);
}

bool conn_frozen(const struct conn *c, bool out)
{
	return c->limit && c->limit->frozen[out];
}

void conn_unlimit(struct conn *c)
{
	if (!c->limit)
		return;
	ev_timer_stop(c->loop, &c->limit->thaw);
	free(c->limit);
	c->limit = NULL;
}
