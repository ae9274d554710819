#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "framed.h"
#include "log.h"
#include "pump_parts.h"

#define LOOK_SECONDS 0.5
/* A reader like tar leaves when it has seen enough; the peer's end may be right behind. */
#define READER_GRACE_SECONDS 0.5
#define TELL_WAITING_MS 5000
#define STATUS_NO_EXIT 126 /* from here on a command did not end by itself: it could not be run, or a signal ended it */

void pump_watch(struct pump *p, ev_io *w, bool wanted)
{
	if (wanted && !ev_is_active(w))
		ev_io_start(p->loop, w);
	else if (!wanted && ev_is_active(w))
		ev_io_stop(p->loop, w);
}

bool pump_lives_on(const struct pump *p)
{
	return p->ep->ops->outcome != NULL;
}

/* ---- the peer's data, toward our output ---- */

static void unwatch_output(struct pump *p)
{
	pump_watch(p, &p->output, false);
	pump_watch(p, &p->reader_gone, false);
	ev_timer_stop(p->loop, &p->grace);
}

void pump_abort_output(struct pump *p)
{
	if (p->output_ended && !pump_lives_on(p))
		return;
	p->output_ended = true;
	unwatch_output(p);
	p->ep->ops->abort(p->ep);
}

/*
 * We cannot take more. If our own direction has not ended either, nobody can say that it would end
 * well: its input was cut by us. So the whole session is closed, and the peer learns why.
 */
void pump_output_failed(struct pump *p, int why)
{
	struct session *s = &p->conn->session;

	if (why == EPIPE)
		p->broken_pipe = true;
	else
		error_set(&p->error, ERROR_IO, BLAME_LOCAL, "%s: %s", p->ep->out_name, strerror(why));
	if (p->framed)
		session_recv_app_lost(s, framed_unwritten(p->framed));
	session_stop(s, RECEIPT_FAILED, 0);
	pump_abort_output(p);
	if (!p->input_ended)
		session_abort(s, CLOSE_OUTPUT, ERROR_IO, "output failed");
}

static bool write_output(struct pump *p)
{
	struct session *s = &p->conn->session;
	struct iovec iov[SESSION_BULK];
	int count = session_recv_app_iov(s, iov, SESSION_BULK);
	ssize_t n;

	if (count == 0 || p->output_ended || p->deaf)
		return false;
	n = p->ep->ops->write(p->ep, iov, count);
	if (n >= 0) {
		session_recv_app_ack(s, (size_t)n);
		return true;
	}
	if (pump_lives_on(p) && errno == EPIPE)
		p->deaf = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		pump_output_failed(p, errno);
	return false;
}

static void finish_output(struct pump *p)
{
	struct session *s = &p->conn->session;
	int rc = 0;

	if (!p->output_ended) {
		p->output_ended = true;
		unwatch_output(p);
		rc = p->ep->ops->end(p->ep, &p->error);
	}
	if (pump_lives_on(p))
		return;
	session_receipt(s, rc == 0 ? RECEIPT_DONE : RECEIPT_FAILED, 0);
	if (p->ep->interactive)
		pump_end_input(p);
	p->waiting_since = clock_ms();
}

/* ---- an endpoint that lives on by itself ---- */

/* Without words there is an end for it, or a reset for what cannot pass for one. */
static void tell_outcome(struct pump *p, int status)
{
	struct session *s = &p->conn->session;
	bool raw = session_is_raw(s);

	if (raw && status >= STATUS_NO_EXIT) {
		session_abort(s, CLOSE_OUTPUT, ERROR_IO, "the command failed");
		return;
	}
	if (session_state(s) & SESSION_FINISH_APP)
		session_receipt(s, raw || status == 0 ? RECEIPT_DONE : RECEIPT_CHILD, (uint8_t)status);
	else
		session_stop(s, raw ? RECEIPT_DONE : RECEIPT_CHILD, (uint8_t)status);
	session_end(s);
}

static void conclude(struct pump *p)
{
	int status = p->ep->ops->outcome(p->ep);

	if (status < 0 || p->concluded)
		return;
	pump_read_input(p);
	if (!p->input_ended)
		return;
	p->concluded = true;
	p->discard = false;
	if (!p->output_ended) {
		p->output_ended = true;
		unwatch_output(p);
		p->ep->ops->end(p->ep, &p->error);
	}
	if (session_state(&p->conn->session) & SESSION_READY)
		tell_outcome(p, status);
}

/* What the peer said before the session failed is of no use: the rest will never come. */
static void give_up(struct pump *p)
{
	pump_abort_output(p);
	session_abort(&p->conn->session, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "given up");
	p->input_ended = true;
	p->discard = p->ep->in_fd >= 0 && p->ep->ops->outcome(p->ep) < 0;
}

/* While nothing is read from the peer, only the kernel knows whether it is still there. */
static void look_at_peer(struct pump *p)
{
	struct pollfd fd = {.fd = p->conn->fd, .events = 0};

	if (pump_lives_on(p) && poll(&fd, 1, 0) == 1 && (fd.revents & (POLLERR | POLLHUP)))
		session_abort(&p->conn->session, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "the connection was lost");
}

/* ---- events ---- */

static void kick(struct pump *p)
{
	conn_update(p->conn);
	p->conn->changed(p->conn, p->conn->owner);
}

static void on_input(struct ev_loop *loop, ev_io *w, int events)
{
	struct pump *p = w->data;

	(void)loop;
	(void)events;
	if (p->discard) {
		pump_discard_input(p);
		return;
	}
	conn_tell_time(p->conn);
	pump_read_input(p);
	kick(p);
}

static void on_output(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	kick(w->data);
}

static void on_grace_over(struct ev_loop *loop, ev_timer *w, int events)
{
	struct pump *p = w->data;

	(void)loop;
	(void)events;
	pump_output_failed(p, EPIPE);
	kick(p);
}

/* A pipe whose reader has left reports an error, even while there is nothing to write. */
static void on_reader_gone(struct ev_loop *loop, ev_io *w, int events)
{
	struct pump *p = w->data;
	struct pollfd fd = {.fd = p->ep->out_fd, .events = 0};

	(void)events;
	if (poll(&fd, 1, 0) < 1 || !(fd.revents & POLLERR))
		return;
	ev_io_stop(loop, w);
	ev_timer_start(loop, &p->grace);
}

static void tell_waiting(struct pump *p)
{
	if (p->told_waiting || p->input_ended || p->waiting_since == 0 ||
	    clock_ms() - p->waiting_since < TELL_WAITING_MS || !isatty(STDERR_FILENO))
		return;
	p->told_waiting = true;
	log_warn("the peer has finished; waiting for the end of %s (^C ends)", p->ep->in_name);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
	struct pump *p = w->data;

	(void)loop;
	(void)events;
	tell_waiting(p);
	if (!(session_state(&p->conn->session) & SESSION_RECV_WIRE))
		look_at_peer(p);
	kick(p);
}

static void on_pace(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	kick(w->data);
}

/* ---- the step ---- */

static bool may_read(const struct pump *p)
{
	return !p->ep->ops->may_read || p->ep->ops->may_read(p->ep);
}

static void set_watchers(struct pump *p, unsigned state)
{
	bool input = (state & SESSION_SEND_APP) && !p->input_ended, allowed = input && may_read(p);
	bool look = (input && !allowed) || (p->waiting_since > 0 && !p->input_ended && !p->told_waiting) ||
	    (pump_lives_on(p) && !(state & SESSION_RECV_WIRE));

	pump_watch(p, &p->input, (allowed && pump_paced(p)) || p->discard);
	pump_watch(p, &p->output, ((state & SESSION_RECV_APP) || pump_holds_messages(p)) && !p->output_ended && !p->deaf);
	if (look && !ev_is_active(&p->look))
		ev_timer_again(p->loop, &p->look);
	else if (!look)
		ev_timer_stop(p->loop, &p->look);
}

bool pump_step(struct pump *p)
{
	struct session *s = &p->conn->session;
	unsigned state;

	conn_wake(p->conn);
	if (pump_lives_on(p) && !p->concluded && !(session_state(s) & SESSION_READY))
		give_up(p);
	if (p->framed)
		pump_move_messages(p);
	else
		while (session_state(s) & SESSION_RECV_APP && write_output(p))
			;
	state = session_state(s);
	if ((state & SESSION_FINISH_APP) && !pump_holds_messages(p))
		finish_output(p);
	if (pump_lives_on(p))
		conclude(p);
	if ((state & SESSION_INPUT_DONE) && !p->input_ended)
		pump_stop_input(p);
	do
		conn_update(p->conn);
	while (pump_sends_on(p));
	state = session_state(s);
	if (p->framed && (state & SESSION_CLOSED) && pump_last_messages(p))
		return false;
	if (state & SESSION_CLOSED) {
		pump_abort_output(p);
		if (p->unproven)
			pump_stop_input(p);
		pump_watch(p, &p->input, p->discard);
		return !pump_lives_on(p) || p->ep->ops->outcome(p->ep) >= 0;
	}
	set_watchers(p, state);
	return false;
}

/* ---- life ---- */

void pump_start(struct pump *p, struct conn *conn, struct endpoint *ep, bool no_input, uint64_t rate)
{
	struct stat st;

	memset(p, 0, sizeof *p);
	p->conn = conn;
	p->ep = ep;
	p->loop = conn->loop;
	ev_io_init(&p->input, on_input, ep->in_fd, EV_READ);
	ev_io_init(&p->output, on_output, ep->out_fd, EV_WRITE);
	ev_io_init(&p->reader_gone, on_reader_gone, ep->out_fd, EV_READ);
	rate_init(&p->rate, rate, 0, clock_ms());
	ev_timer_init(&p->pace, on_pace, 0., 0.);
	ev_timer_init(&p->grace, on_grace_over, READER_GRACE_SECONDS, 0.);
	ev_timer_init(&p->look, on_look, LOOK_SECONDS, LOOK_SECONDS);
	p->input.data = p->output.data = p->reader_gone.data = p->look.data = p->grace.data = p->pace.data = p;
	if (ep->out_fd < 0)
		p->output_ended = true;
	/* (Where we could read ourselves, a pipe always has a reader, and our own output would wake us.) */
	else if (!pump_lives_on(p) && fstat(ep->out_fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    (fcntl(ep->out_fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		ev_io_start(p->loop, &p->reader_gone);
	if (no_input || ep->in_fd < 0)
		pump_end_input(p);
}

void pump_stop(struct pump *p)
{
	ev_io_stop(p->loop, &p->input);
	ev_io_stop(p->loop, &p->output);
	ev_io_stop(p->loop, &p->reader_gone);
	ev_timer_stop(p->loop, &p->look);
	ev_timer_stop(p->loop, &p->pace);
	pump_abort_output(p);
	framed_free(p->framed);
	p->framed = NULL;
}
