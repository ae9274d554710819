/* A pump's input, toward the peer. */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "framed.h"
#include "pump_parts.h"

#define PACE_READS 20 /* a second under a rate limit */

void pump_end_input(struct pump *p)
{
	if (p->input_ended)
		return;
	p->input_ended = true;
	pump_watch(p, &p->input, false);
	/* (A wire without words has one end for all: not before it is known how the command ends.) */
	if (!pump_lives_on(p) || !session_is_raw(&p->conn->session))
		session_end(&p->conn->session);
}

int pump_limit(struct pump *p, struct iovec *iov, int count)
{
	uint64_t left = rate_available(&p->rate, clock_ms());

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > left)
			iov[i].iov_len = (size_t)left;
		left -= iov[i].iov_len;
		if (iov[i].iov_len == 0)
			return i;
	}
	return count;
}

void pump_input_failed(struct pump *p)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return;
	error_set(&p->error, ERROR_IO, BLAME_LOCAL, "%s: %s", p->ep->in_name, strerror(errno));
	session_abort(&p->conn->session, CLOSE_INTERRUPTED, ERROR_IO, "input failed");
}

/* It may go on to talk, to nobody. */
void pump_discard_input(struct pump *p)
{
	static uint8_t nowhere[65536];
	struct iovec iov = {nowhere, sizeof nowhere};
	ssize_t n = p->ep->ops->read(p->ep, &iov, 1);

	p->discard = n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
	pump_watch(p, &p->input, p->discard);
}

void pump_read_input(struct pump *p)
{
	struct session *s = &p->conn->session;
	struct iovec iov[SESSION_BULK];
	int count;
	ssize_t n;

	conn_wake(p->conn);
	if (p->framed) {
		pump_read_messages(p);
		return;
	}
	count = session_send_app_iov(s, iov, SESSION_BULK);
	count = pump_limit(p, iov, count);
	if (count == 0 || p->input_ended)
		return;
	n = p->ep->ops->read(p->ep, iov, count);
	if (n > 0) {
		rate_take(&p->rate, (uint64_t)n);
		session_send_app_ack(s, (size_t)n);
	} else if (n == 0)
		pump_end_input(p);
	else
		pump_input_failed(p);
}

/*
 * The peer wants no more. What is left in our input then is not delivered, and that is no success;
 * nor is what comes while the session still lives, so an input without an end is asked again then.
 */
void pump_stop_input(struct pump *p)
{
	const struct session_peer *peer = session_peer(&p->conn->session);
	uint8_t byte;
	struct iovec one = {&byte, 1};
	ssize_t n;

	p->input_ended = true;
	p->unproven = false;
	pump_watch(p, &p->input, false);
	if (pump_lives_on(p)) {
		if (peer->stopped && peer->status != RECEIPT_DONE)
			p->ep->ops->unread(p->ep);
		else
			p->discard = true;
		return;
	}
	if (!peer->stopped || peer->status != RECEIPT_DONE || (p->ep->ops->may_read && !p->ep->ops->may_read(p->ep)))
		return;
	n = p->framed && framed_holds(p->framed) ? 1 : p->ep->ops->read(p->ep, &one, 1);
	p->unproven = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	if (n > 0)
		error_set(&p->error, ERROR_PEER, BLAME_PEER, "the peer takes no more, but there is more in %s", p->ep->in_name);
}

/* May input be read now as far as the rate goes? If not, wake up when it may. */
bool pump_paced(struct pump *p)
{
	uint64_t enough = p->rate.per_second / PACE_READS;
	int64_t ms;

	if (p->rate.per_second == 0)
		return true;
	rate_available(&p->rate, clock_ms());
	ms = rate_wait(&p->rate, enough > 0 ? enough : 1);
	if (ms > 0 && !ev_is_active(&p->pace)) {
		ev_now_update(p->loop);
		ev_timer_set(&p->pace, (double)ms / 1000 + 0.0005, 0.);
		ev_timer_start(p->loop, &p->pace);
	}
	return ms == 0;
}
