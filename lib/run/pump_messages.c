/* A pump that keeps message boundaries (--framing). */
#include <errno.h>

#include "framed.h"
#include "pump_parts.h"

int pump_keep_messages(struct pump *p, enum framing framing, size_t max)
{
	p->framed = framed_new(framing, max, &p->conn->session);
	return p->framed ? 0 : -1;
}

/* What is wrong with our input is for us to say: what was whole has been sent, and ends as it should. */
static void send_messages(struct pump *p)
{
	if (p->input_ended)
		return;
	if (framed_send(p->framed, &p->conn->session, p->ep->in_name, &p->error) < 0 || framed_all_sent(p->framed))
		pump_end_input(p);
}

void pump_read_messages(struct pump *p)
{
	struct iovec room = framed_room(p->framed);
	ssize_t n;

	if (p->input_ended || pump_limit(p, &room, 1) == 0)
		return;
	n = p->ep->ops->read(p->ep, &room, 1);
	if (n < 0) {
		pump_input_failed(p);
		return;
	}
	if (n == 0)
		framed_ended(p->framed);
	rate_take(&p->rate, (uint64_t)n);
	framed_filled(p->framed, (size_t)n);
	send_messages(p);
}

/* False if the output takes no more now, or never will. */
static bool write_waiting(struct pump *p)
{
	struct iovec waiting;

	while ((waiting = framed_waiting(p->framed)).iov_len > 0) {
		ssize_t n = p->ep->ops->write(p->ep, &waiting, 1);

		if (n < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				pump_output_failed(p, errno);
			return false;
		}
		framed_wrote(p->framed, (size_t)n);
	}
	return true;
}

/* What the peer sent cannot be written as a message. All before it has been. */
static void refuse(struct pump *p)
{
	session_abort(&p->conn->session, p->error.code == ERROR_PROTOCOL ? CLOSE_PROTOCOL : CLOSE_OUTPUT, p->error.code,
	    p->error.text);
	p->input_ended = true;
	pump_abort_output(p);
}

static void write_messages(struct pump *p)
{
	struct session *s = &p->conn->session;
	struct error e = {0};
	int rc;

	if (p->output_ended)
		return;
	do
		rc = framed_take(p->framed, s, &e);
	while (write_waiting(p) && rc == 0 && (session_state(s) & SESSION_RECV_APP));
	if (p->output_ended || pump_holds_messages(p))
		return;
	if (rc == 0 && (session_state(s) & SESSION_FINISH_APP) && framed_unfinished(p->framed))
		rc = error_set(&e, ERROR_PROTOCOL, BLAME_PEER, "the peer ended in the middle of a message");
	if (rc == 0)
		return;
	p->error = e; /* (it counts more than what is wrong with our own input) */
	refuse(p);
}

void pump_move_messages(struct pump *p)
{
	write_messages(p);
	send_messages(p);
}

bool pump_sends_on(struct pump *p)
{
	const struct session *s = &p->conn->session;
	uint64_t before = s->sent + s->messages_sent;

	if (p->framed)
		send_messages(p);
	return s->sent + s->messages_sent > before;
}

bool pump_holds_messages(const struct pump *p)
{
	return p->framed && !p->output_ended && framed_waiting(p->framed).iov_len > 0;
}

/* (Who is told to leave does not wait for a reader.) */
bool pump_last_messages(struct pump *p)
{
	if (!pump_holds_messages(p) || session_error(&p->conn->session)->blame == BLAME_LOCAL)
		return false;
	pump_watch(p, &p->input, false);
	pump_watch(p, &p->output, true);
	return true;
}
