/* What a pump waits for, and how it went. */
#include <string.h>

#include "pump_parts.h"

#define STATUS_BROKEN_PIPE (128 + 13) /* what a shell shows for SIGPIPE */

enum waits_for pump_waits(const struct pump *p)
{
	const struct session *s = &p->conn->session;
	unsigned state = session_state(s);
	bool unconfirmed = p->input_ended && s->sent > s->confirmed && s->sent >= s->received;
	bool ours = ev_is_active(&p->input), theirs = !p->output_ended; /* directions that have not ended */

	if ((state & SESSION_RECV_APP) || pump_holds_messages(p))
		return WAITS_OUTPUT;
	if (state & SESSION_SEND_WIRE)
		return WAITS_NETWORK;
	if (ev_is_active(&p->pace))
		return WAITS_PACE;
	/* When both directions have nothing, the one that had more is meant. */
	if (ours && !(theirs && s->sent < s->received))
		return WAITS_INPUT;
	/* What is left is for the peer: to confirm what we sent, which a raw one does not say, or to send. */
	if (theirs && !unconfirmed)
		return WAITS_PEER_INPUT;
	return theirs && session_is_raw(s) ? WAITS_TAIL : WAITS_NETWORK;
}

int pump_status(const struct pump *p, struct error *e)
{
	const struct error *session = session_error(&p->conn->session);

	memset(e, 0, sizeof *e);
	if (p->broken_pipe)
		return STATUS_BROKEN_PIPE;
	*e = p->error.code != ERROR_OK ? p->error : *session;
	if (e->code == ERROR_OK && p->concluded)
		return p->ep->ops->outcome(p->ep);
	return error_status(e->code);
}
