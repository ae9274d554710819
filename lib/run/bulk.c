#include "bulk.h"

#include "clock.h"

#define MUCH (512 * 1024) /* bytes in an interval */
#define INTERVAL_MS 1000

static uint64_t carried(const struct bulk *b)
{
	return b->conn->session.sent + b->conn->session.received;
}

static void begin_interval(struct bulk *b)
{
	b->mark = carried(b);
	b->since = clock_ms();
}

/* (A thrifty conn gives its buffers back as soon as they are empty.) */
static void on_calm(struct ev_loop *loop, ev_timer *w, int events)
{
	struct bulk *b = w->data;

	(void)events;
	if (carried(b) - b->mark < MUCH) {
		ev_timer_stop(loop, w);
		b->conn->thrifty = true;
		conn_update(b->conn);
	}
	begin_interval(b);
}

void bulk_start(struct bulk *b, struct conn *conn)
{
	b->conn = conn;
	ev_timer_init(&b->calm, on_calm, INTERVAL_MS / 1000., INTERVAL_MS / 1000.);
	b->calm.data = b;
	begin_interval(b);
}

void bulk_step(struct bulk *b)
{
	if (!b->conn->thrifty || session_state(&b->conn->session) & SESSION_CLOSED)
		return;
	if (carried(b) - b->mark < MUCH) {
		if (clock_ms() - b->since >= INTERVAL_MS)
			begin_interval(b);
		return;
	}
	if (conn_grow(b->conn, SESSION_BIGBUF) < 0)
		return;
	b->conn->thrifty = false;
	begin_interval(b);
	ev_now_update(b->conn->loop);
	ev_timer_again(b->conn->loop, &b->calm);
}

void bulk_stop(struct bulk *b)
{
	if (b->conn)
		ev_timer_stop(b->conn->loop, &b->calm);
}
