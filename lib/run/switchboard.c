#include "switchboard.h"

#include <stdlib.h>

#include "board.h"

struct board *board_of(const struct guest *g)
{
	return g->service->place;
}

uint64_t switchboard_dropped(const struct guest *g)
{
	const struct seat *s = g->place;

	return s ? s->dropped : 0;
}

static int start(struct service *v, struct error *e)
{
	struct board *b = calloc(1, sizeof *b);

	if (!b)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	v->place = b;
	b->service = v;
	b->ep = v->stream.ep;
	b->framing = v->o->stream.framing;
	board_stdio_start(b);
	return 0;
}

static void stop(struct service *v)
{
	struct board *b = v->place;

	if (!b)
		return;
	board_stdio_stop(b);
	free(b);
	v->place = NULL;
}

static int open_seat(struct guest *g, struct error *e)
{
	g->place = calloc(1, sizeof(struct seat));
	return g->place ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
}

static void close_seat(struct guest *g)
{
	struct board *b = board_of(g);
	struct seat *s = g->place;

	if (!s)
		return;
	line_leave(&b->for_mark, &s->for_mark);
	line_leave(&b->for_room, &s->for_room);
	board_set_full(g, false);
	message_clear(&s->queue);
	partial_clear(&s->partial);
	free(s);
	g->place = NULL;
	board_write_rest(b);
}

static bool step(struct guest *g)
{
	struct session *session = &g->conn->session;
	struct seat *s = g->place;

	/* Without a seat it has been sent away, which it must still be told. */
	if (s) {
		board_take(g, s);
		board_send(g, s);
	}
	conn_update(g->conn);
	/* What was sent has made room; fairly, after the others. */
	if (s && ((s->queue.count > 0 && (session_state(session) & SESSION_SEND_APP)) || (s->for_room.taken && board_turn(g))))
		service_soon(g);
	return (session_state(session) & SESSION_CLOSED) != 0;
}

static void turn(struct service *v)
{
	struct board *b = v->place;

	board_write_rest(b);
	board_watch_input(b);
}

static bool over(struct service *v)
{
	const struct board *b = v->place;

	return b->failed;
}

static int status(struct service *v)
{
	const struct board *b = v->place;

	return b->status;
}

const struct service_kind switchboard_kind = {
    .start = start,
    .stop = stop,
    .open = open_seat,
    .step = step,
    .close = close_seat,
    .tell = board_say,
    .tell_all = board_say_all,
    .missed = switchboard_dropped,
    .turn = turn,
    .over = over,
    .status = status,
};
