/* The switchboard's guests: messages to them and from them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "log.h"
#include "roster.h"

/* A message on its way to guests: as it is, and with its edges for those whose wire keeps none. */
struct parcel {
	struct message *body, *framed;
};

/* Nothing but standard input could still have something for guests when that has ended. */
static bool only_input(const struct service *v)
{
	return !v->o->hub && !v->o->echo && !v->control;
}

/* Does the peer itself say where its messages end? (On a raw wire each frame is one.) */
static bool marks_messages(const struct session *s)
{
	return s->messages || session_is_raw(s);
}

/* ---- to guests ---- */

static void parcel_free(struct parcel *p)
{
	message_unref(p->body);
	message_unref(p->framed);
}

static struct message *parcel_for(struct parcel *p, enum framing f, bool keeps_messages)
{
	uint8_t head[FRAMING_EDGE], tail[FRAMING_EDGE];

	if (keeps_messages || f == FRAMING_RAW)
		return p->body;
	if (!p->framed)
		p->framed = message_new(head, framing_head(f, p->body->len, head), p->body->bytes, p->body->len, tail,
		    framing_tail(f, tail));
	return p->framed;
}

void board_set_full(struct guest *g, bool full)
{
	struct board *b = board_of(g);
	struct seat *s = g->place;

	if (s->full.taken == full)
		return;
	b->full += full ? 1 : -1;
	if (full) {
		line_join(&b->fulls, &s->full, g);
	} else {
		line_leave(&b->fulls, &s->full);
		board_wake_guests(b);
	}
}

/* True if it will get the message. */
static bool give(struct guest *g, struct parcel *p)
{
	struct board *b = board_of(g);
	struct seat *s = g->place;
	struct message *m;

	errno = EPIPE;
	if (!s || s->said_end || session_peer(&g->conn->session)->stopped || g->reason)
		return false;
	if (s->queue.bytes >= BOARD_SEAT_LIMIT && b->service->o->slow != SLOW_BLOCK) {
		s->dropped++;
		if (b->service->o->slow == SLOW_CLOSE)
			service_send_away(g, CLOSE_BUSY, ERROR_NETWORK, "it does not take what is sent to it (--slow=close)");
		errno = EAGAIN;
		return false;
	}
	m = parcel_for(p, b->framing, marks_messages(&g->conn->session));
	if (!m || message_push(&s->queue, m) < 0) {
		service_send_away(g, CLOSE_BUSY, ERROR_IO, "out of memory");
		errno = ENOMEM;
		return false;
	}
	if (s->queue.bytes >= BOARD_SEAT_LIMIT / 2)
		board_set_full(g, true);
	service_soon(g);
	return true;
}

int64_t board_give_all(struct service *v, const struct guest *but, const void *body, size_t len)
{
	struct parcel p = {message_new(NULL, 0, body, len, NULL, 0), NULL};
	int64_t count = 0;

	if (!p.body)
		return 0;
	for (struct guest *g = v->first; g; g = g->next)
		count += g != but && give(g, &p);
	parcel_free(&p);
	return count;
}

int board_tell(struct guest *g, const void *body, size_t len)
{
	struct parcel p = {message_new(NULL, 0, body, len, NULL, 0), NULL};
	bool given = p.body && give(g, &p);

	if (p.body)
		parcel_free(&p);
	return given ? 0 : -1;
}

/* Standard input is not read while a guest is waited for; the control socket is told so. */
int board_say(struct guest *g, const void *body, size_t len)
{
	const struct seat *s = g->place;

	errno = EAGAIN;
	return s && s->full.taken ? -1 : board_tell(g, body, len);
}

int64_t board_say_all(struct service *v, const void *body, size_t len)
{
	const struct board *b = v->place;

	errno = EAGAIN;
	return b->full > 0 ? -1 : board_give_all(v, NULL, body, len);
}

/* As much of the first message as the session takes now. False if it takes nothing. */
static bool send_piece(struct guest *g, struct seat *s)
{
	struct session *session = &g->conn->session;
	struct message *m = message_at(&s->queue, 0);
	size_t left = m->len - s->offset;
	struct iovec iov;

	if (session_send_app_iov(session, &iov, 1) < 1)
		return false;
	if (iov.iov_len > left)
		iov.iov_len = left;
	memcpy(iov.iov_base, m->bytes + s->offset, iov.iov_len);
	if (left == 0)
		session_send_empty(session);
	else if (iov.iov_len < left)
		session_send_part_ack(session, iov.iov_len);
	else
		session_send_app_ack(session, iov.iov_len);
	s->offset += iov.iov_len;
	if (s->offset == m->len) {
		s->offset = 0;
		message_shift(&s->queue);
	}
	return true;
}

static bool has_spoken(const struct session *s)
{
	return s->received > 0 || (s->messages && s->messages_received > 0);
}

static bool may_end(const struct guest *g)
{
	const struct service *v = g->service;
	const struct seat *s = g->place;

	if (s->queue.count > 0 || s->said_end || board_of(g)->failed)
		return false;
	if (g->leaving)
		return true;
	if (v->o->echo)
		return s->ended;
	/* In a hub, and where only the control socket could say more, who ends without a word came to listen. */
	if (v->o->hub || (v->control && board_of(g)->input_ended))
		return s->ended && has_spoken(&g->conn->session);
	return board_of(g)->input_ended && only_input(v);
}

void board_send(struct guest *g, struct seat *s)
{
	if (session_peer(&g->conn->session)->stopped)
		message_clear(&s->queue);
	conn_wake(g->conn);
	while (s->queue.count > 0 && send_piece(g, s))
		;
	if (s->queue.bytes < BOARD_SEAT_LIMIT / 4)
		board_set_full(g, false);
	if (may_end(g)) {
		s->said_end = true;
		session_end(&g->conn->session);
	}
}

/* ---- from guests ---- */

static int route(struct guest *g, const uint8_t *body, size_t len)
{
	struct board *b = board_of(g);
	struct figures_who who = roster_who(g);

	if (b->service->o->event_messages)
		events_message(b->service->hosting.events, &who, len);
	if (b->service->o->echo)
		return board_tell(g, body, len);
	if (b->service->o->hub)
		board_give_all(b->service, g, body, len);
	return board_to_output(b, g, body, len);
}

/* Whole messages at the beginning of ${data}: how many bytes they take; -1 when the guest is sent away. */
static ssize_t route_whole(struct guest *g, const uint8_t *data, size_t n)
{
	struct board *b = board_of(g);
	size_t done = 0;

	while (done < n) {
		const uint8_t *body;
		size_t len;
		ssize_t used = framing_next(b->framing, data + done, n - done, b->service->o->max_message, &body, &len);

		if (used == 0)
			break;
		if (used < 0) {
			service_send_away(g, CLOSE_PROTOCOL, ERROR_PROTOCOL, "it sent a message longer than --max-message-size");
			return -1;
		}
		if (route(g, body, len) < 0) {
			service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "its message could not be queued");
			return -1;
		}
		done += (size_t)used;
	}
	return (ssize_t)done;
}

static int take_bytes(struct guest *g, struct seat *s, const uint8_t *data, size_t n)
{
	ssize_t used;

	if (s->partial.len == 0) {
		used = route_whole(g, data, n);
		return used < 0 ? -1 : used < (ssize_t)n ? partial_add(&s->partial, data + used, n - (size_t)used) : 0;
	}
	if (partial_add(&s->partial, data, n) < 0 || (used = route_whole(g, s->partial.bytes, s->partial.len)) < 0)
		return -1;
	if (used == 0)
		return 0;
	partial_shift(&s->partial, (size_t)used);
	return 0;
}

/* The peer itself says where its messages end. */
static int take_marked(struct guest *g, struct seat *s, const struct session_window *w)
{
	int rc;

	if (s->partial.len + w->len > g->service->o->max_message) {
		service_send_away(g, CLOSE_PROTOCOL, ERROR_PROTOCOL, "it sent a message longer than --max-message-size");
		return -1;
	}
	if (s->partial.len == 0 && !w->more)
		return route(g, w->data, w->len);
	if (partial_add(&s->partial, w->data, w->len) < 0)
		return -1;
	if (w->more)
		return 0;
	rc = route(g, s->partial.bytes, s->partial.len);
	partial_clear(&s->partial);
	return rc;
}

bool board_waits(const struct board *b)
{
	int64_t guests = b->service->count;

	return b->full > 0 && (b->service->o->slow == SLOW_BLOCK || b->full >= guests);
}

bool board_room(const struct guest *g)
{
	const struct board *b = board_of(g);
	const struct seat *s = g->place;

	if (b->service->o->echo)
		return s->queue.bytes < BOARD_SEAT_LIMIT;
	return b->out.bytes < BOARD_OUT_LIMIT && (!b->service->o->hub || !board_waits(b) || (b->full == 1 && s->full.taken));
}

bool board_turn(const struct guest *g)
{
	const struct board *b = board_of(g);
	const struct seat *s = g->place;

	return board_room(g) && (!b->for_room.first || s->called || b->service->o->echo);
}

/* It has had its turn, and goes to the end of the line if there is more. */
static void turn_over(struct guest *g, struct seat *s, bool more, bool taken)
{
	struct board *b = board_of(g);

	if (taken || !more)
		line_leave(&b->for_room, &s->for_room);
	if (more)
		line_join(&b->for_room, &s->for_room, g);
	s->called = false;
}

static void take_input(struct guest *g, struct seat *s)
{
	struct session *session = &g->conn->session;
	const struct session_window *w;
	bool taken = false;

	while ((session_state(session) & SESSION_RECV_APP) && (w = session_recv_app_window(session)) != NULL) {
		size_t n = w->len;

		if (!board_turn(g)) {
			turn_over(g, s, true, taken);
			return;
		}
		if ((marks_messages(session) ? take_marked(g, s, w) : take_bytes(g, s, w->data, w->len)) < 0) {
			service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "its message could not be taken");
			return;
		}
		session_recv_app_ack(session, n);
		taken = true;
	}
	turn_over(g, s, false, taken);
}

/* Its end came: what is left is a last message, and then it waits for standard output. */
static void take_end(struct guest *g, struct seat *s)
{
	struct board *b = board_of(g);

	if (s->partial.len > 0 && !framing_last_counts(b->framing)) {
		service_send_away(g, CLOSE_PROTOCOL, ERROR_PROTOCOL, "it ended in the middle of a message");
		return;
	}
	if (s->partial.len > 0 && route(g, s->partial.bytes, s->partial.len) < 0) {
		service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "its message could not be queued");
		return;
	}
	partial_clear(&s->partial);
	s->ended = true;
	board_queue_up(g);
}

static void give_receipt(struct guest *g, struct seat *s)
{
	struct board *b = board_of(g);

	if (!s->ended || s->mark > b->written || !(session_state(&g->conn->session) & SESSION_FINISH_APP))
		return;
	session_receipt(&g->conn->session, b->failed ? RECEIPT_FAILED : RECEIPT_DONE, 0);
}

void board_take(struct guest *g, struct seat *s)
{
	struct session *session = &g->conn->session;

	take_input(g, s);
	if ((session_state(session) & SESSION_FINISH_APP) && !s->ended)
		take_end(g, s);
	board_write_some(board_of(g));
	give_receipt(g, s);
}
