/* The switchboard's standard input and output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "log.h"

#define INPUT_PIECE 65536
#define WRITE_MOST 16
#define LOOK_SECONDS 0.5
#define TAG_MAX 24
#define STATUS_BROKEN_PIPE (128 + 13)

/* ---- standard output ---- */

static void watch(struct board *b, ev_io *w, bool wanted)
{
	if (wanted && !ev_is_active(w))
		ev_io_start(b->service->loop, w);
	else if (!wanted && ev_is_active(w))
		ev_io_stop(b->service->loop, w);
}

static struct seat *seat_of(const struct guest *g)
{
	return g->place;
}

/* What was taken from it and is not written is lost; messages of others in between make no difference to whether any is. */
static void count_lost(const struct board *b, struct guest *g)
{
	const struct seat *s = seat_of(g);

	if (!s)
		return;
	session_recv_app_lost(&g->conn->session, s->partial.len + (s->mark > b->written ? s->mark - b->written : 0));
}

static void output_failed(struct board *b, int why)
{
	if (b->failed)
		return;
	b->failed = true;
	message_clear(&b->out);
	watch(b, &b->output, false);
	if (why == EPIPE)
		b->status = STATUS_BROKEN_PIPE;
	else {
		log_error("%s: %s", b->ep->out_name, strerror(why));
		b->status = error_status(ERROR_IO);
	}
	for (struct guest *g = b->service->first; g; g = g->next) {
		conn_wake(g->conn);
		count_lost(b, g);
		session_stop(&g->conn->session, RECEIPT_FAILED, 0);
	}
	service_fail(b->service, CLOSE_OUTPUT, ERROR_IO, "standard output failed");
}

/* Those who waited for what has been written now. */
void board_wake_guests(struct board *b)
{
	while (b->line && seat_of(b->line)->mark <= b->written) {
		struct guest *g = b->line;

		b->line = seat_of(g)->behind;
		seat_of(g)->in_line = false;
		service_soon(g);
	}
	for (struct guest *g = b->waiting > 0 ? b->service->first : NULL; g; g = g->next)
		/* (Without room it would come back here at once, and for ever.) */
		if (g->place && seat_of(g)->waiting && board_room(g))
			service_soon(g);
}

void board_queue_up(struct guest *g)
{
	struct board *b = board_of(g);
	struct seat *s = g->place;

	s->mark = b->queued;
	s->behind = NULL;
	s->in_line = true;
	if (b->line)
		seat_of(b->line_end)->behind = g;
	else
		b->line = g;
	b->line_end = g;
}

void board_leave_line(struct guest *g)
{
	struct board *b = board_of(g);
	struct guest *before = NULL;

	if (!seat_of(g)->in_line)
		return;
	for (struct guest *at = b->line; at != g; at = seat_of(at)->behind)
		before = at;
	if (before)
		seat_of(before)->behind = seat_of(g)->behind;
	else
		b->line = seat_of(g)->behind;
	if (b->line_end == g)
		b->line_end = before;
	seat_of(g)->in_line = false;
}

static void wrote(struct board *b, size_t n)
{
	b->written += n;
	b->offset += n;
	while (b->out.count > 0 && b->offset >= message_at(&b->out, 0)->len) {
		b->offset -= message_at(&b->out, 0)->len;
		message_shift(&b->out);
	}
}

void board_write_output(struct board *b)
{
	while (b->out.count > 0) {
		struct iovec iov[WRITE_MOST];
		int count = 0;
		ssize_t n;

		for (; count < WRITE_MOST && (size_t)count < b->out.count; count++) {
			struct message *m = message_at(&b->out, (size_t)count);
			size_t skip = count == 0 ? b->offset : 0;

			iov[count] = (struct iovec){m->bytes + skip, m->len - skip};
		}
		n = b->ep->ops->write(b->ep, iov, count);
		if (n >= 0) {
			wrote(b, (size_t)n);
			continue;
		}
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			output_failed(b, errno);
		break;
	}
	watch(b, &b->output, b->out.count > 0);
	board_wake_guests(b);
}

static void on_output(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	board_write_output(w->data);
}

int board_to_output(struct board *b, const struct guest *g, const uint8_t *body, size_t len)
{
	uint8_t head[TAG_MAX + FRAMING_EDGE], tail[FRAMING_EDGE];
	char tag[TAG_MAX];
	size_t tag_len = 0, head_len;
	struct message *m;
	int rc;

	if (b->ep->out_fd < 0 || b->failed)
		return 0;
	if (b->service->o->tag)
		tag_len = (size_t)snprintf(tag, sizeof tag, "%llu\t", (unsigned long long)g->id);
	head_len = framing_head(b->framing, tag_len + len, head);
	memcpy(head + head_len, tag, tag_len);
	m = message_new(head, head_len + tag_len, body, len, tail, framing_tail(b->framing, tail));
	if (!m)
		return -1;
	rc = message_push(&b->out, m);
	b->queued += m->len;
	seat_of(g)->mark = b->queued;
	message_unref(m);
	return rc;
}

/* ---- standard input ---- */

static void input_over(struct board *b)
{
	b->input_ended = true;
	watch(b, &b->input, false);
	ev_timer_stop(b->service->loop, &b->look);
	partial_clear(&b->partial);
	for (struct guest *g = b->service->first; g; g = g->next)
		service_soon(g);
}

/* What came before goes out first, as far as it is taken at once. */
static void input_failed(struct board *b)
{
	if (b->failed)
		return;
	b->failed = true;
	b->status = error_status(ERROR_IO);
	watch(b, &b->input, false);
	for (struct guest *g = b->service->first; g; g = g->next)
		if (g->place)
			board_send(g, g->place);
	service_fail(b->service, CLOSE_INTERRUPTED, ERROR_IO, "standard input failed");
}

/* Whole messages go out; what is left stays in b->partial. */
static void take_lines(struct board *b, bool last)
{
	size_t done = 0;
	bool too_long = false;

	while (done < b->partial.len) {
		const uint8_t *body;
		size_t len;
		ssize_t used = framing_next(b->framing, b->partial.bytes + done, b->partial.len - done,
		    b->service->o->max_message, &body, &len);

		if (used == 0 && last && framing_last_counts(b->framing)) {
			body = b->partial.bytes + done;
			len = b->partial.len - done;
			used = (ssize_t)len;
		}
		too_long = used < 0;
		if (used <= 0)
			break;
		board_give_all(b->service, NULL, body, len);
		done += (size_t)used;
	}
	partial_shift(&b->partial, done);
	if (!too_long)
		return;
	log_error("%s: a message longer than --max-message-size (%zu)", b->ep->in_name, b->service->o->max_message);
	input_failed(b);
}

static void read_input(struct board *b)
{
	uint8_t piece[INPUT_PIECE];
	struct iovec iov = {piece, sizeof piece};
	ssize_t n = b->ep->ops->read(b->ep, &iov, 1);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n < 0) {
		log_error("%s: %s", b->ep->in_name, strerror(errno));
		input_failed(b);
	} else if (n == 0) {
		take_lines(b, true);
		if (!b->failed)
			input_over(b);
	} else if (b->framing == FRAMING_RAW)
		board_give_all(b->service, NULL, piece, (size_t)n);
	else if (partial_add(&b->partial, piece, (size_t)n) == 0)
		take_lines(b, false);
	else {
		log_error("%s: out of memory", b->ep->in_name);
		input_failed(b);
	}
}

static void on_input(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	read_input(w->data);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	(void)w; /* the loop's turn asks again, see board_watch_input() */
}

/* Input is read when somebody is there to get it, and nobody is waited for. */
void board_watch_input(struct board *b)
{
	const struct service *v = b->service;
	bool wanted = !b->input_ended && !b->failed && !v->o->echo && !board_waits(b) && (v->count > 0 || v->o->slow != SLOW_BLOCK);
	bool allowed = wanted && (!b->ep->ops->may_read || b->ep->ops->may_read(b->ep));

	if (b->ep->in_fd < 0 && !b->input_ended)
		input_over(b);
	watch(b, &b->input, allowed && b->ep->in_fd >= 0);
	if (wanted && !allowed && !ev_is_active(&b->look))
		ev_timer_again(v->loop, &b->look);
	else if (!wanted || allowed)
		ev_timer_stop(v->loop, &b->look);
}

void board_stdio_start(struct board *b)
{
	ev_io_init(&b->input, on_input, b->ep->in_fd, EV_READ);
	ev_io_init(&b->output, on_output, b->ep->out_fd, EV_WRITE);
	ev_timer_init(&b->look, on_look, LOOK_SECONDS, LOOK_SECONDS);
	b->input.data = b->output.data = b->look.data = b;
}

void board_stdio_stop(struct board *b)
{
	watch(b, &b->input, false);
	watch(b, &b->output, false);
	ev_timer_stop(b->service->loop, &b->look);
	message_clear(&b->out);
	partial_clear(&b->partial);
}
