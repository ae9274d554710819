#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

/* ---- errors ---- */

static void set_error(struct session *s, enum error_code code, enum error_blame blame,
    const char *format, va_list ap)
{
	char text[ERROR_TEXTMAX];

	vsnprintf(text, sizeof text, format, ap);
	error_set(&s->error, code, blame, "%s", text);
}

void session_note(struct session *s, enum error_code code, enum error_blame blame, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	set_error(s, code, blame, format, ap);
	va_end(ap);
}

void session_linger(struct session *s)
{
	if (s->phase >= PHASE_LINGER)
		return;
	s->phase = PHASE_LINGER;
	s->unacked = s->wire->tells || s->failed || !s->config->tells_unacked ? 0 : SIZE_MAX;
	s->acked_at = s->now;
	s->judging = false;
	s->linger_until = s->now + s->drain_ms;
	/* Ciphertext that nobody will open any more only takes up the room that reading on needs. */
	if (s->win_count == 0)
		s->in_head = 0;
	s->in_tail = s->in_head;
	s->held = NULL;
}

int session_fail(struct session *s, int tell, enum error_code code, enum error_blame blame,
    const char *format, ...)
{
	va_list ap;

	/* How the peer's command ended says little when its output did not all come. */
	if (session_child_status(s) > 0)
		memset(&s->error, 0, sizeof s->error);
	va_start(ap, format);
	set_error(s, code, blame, format, ap);
	va_end(ap);
	s->failed = true;
	/* (After its last record a side says nothing more, not even this.) */
	if (tell != 0 && s->wire->tells && !s->close_sent && s->phase == PHASE_RUN && !s->wire->all_said(s)) {
		s->close_want = true;
		s->close_code = (uint16_t)tell;
		s->wire->control(s);
	}
	session_linger(s);
	return -1;
}

/* ---- the application side speaks ---- */

void session_end(struct session *s)
{
	s->eof_want = true;
	if (s->phase == PHASE_RUN)
		s->wire->control(s);
}

/* A wire that cannot say so: the transport will be reset. */
static void output_failed(struct session *s)
{
	if (s->phase <= PHASE_RUN)
		session_fail(s, 0, ERROR_IO, BLAME_LOCAL, "the output failed");
}

void session_receipt(struct session *s, enum session_receipt_status status, uint8_t detail)
{
	if (s->receipt_want || s->stop_want)
		return;
	if (status != RECEIPT_DONE && !s->wire->tells) {
		output_failed(s);
		return;
	}
	s->receipt_want = true;
	s->give_status = (uint8_t)status;
	s->give_detail = detail;
	if (s->phase == PHASE_RUN)
		s->wire->control(s);
}

void session_stop(struct session *s, enum session_receipt_status status, uint8_t detail)
{
	bool good = status == RECEIPT_DONE || (status == RECEIPT_CHILD && detail == 0);

	session_drop_windows(s);
	/* A receipt of success is for all bytes. Where some were not taken, a STOP that crosses the
	 * peer's EOF says so. */
	if (s->peer_eof && (!good || s->delivered == s->received))
		session_receipt(s, status, detail);
	else if (status != RECEIPT_DONE && !s->wire->tells)
		output_failed(s);
	else if (!s->stop_want && !s->receipt_want) {
		s->stop_want = true;
		s->finishing = false;
		s->give_status = (uint8_t)status;
		s->give_detail = detail;
	}
	if (s->phase == PHASE_RUN) {
		session_resume_held(s);
		session_process(s);
	}
}

void session_abort(struct session *s, enum session_close code, enum error_code error, const char *text)
{
	session_drop_windows(s);
	/* What has ended has ended: a change of mind while the last bytes leave spoils nothing, unless
	 * nobody can confirm those. */
	if (s->phase <= PHASE_RUN || (s->phase == PHASE_LINGER && s->unacked > 0 && !s->failed))
		session_fail(s, (int)code, error, BLAME_LOCAL, "%s", text);
}

void session_judge(struct session *s, const char *refusal)
{
	if (!s->judging)
		return;
	s->judging = false;
	s->judged = true;
	session_restart_clocks(s);
	s->wire->judged(s, refusal);
	if (s->phase <= PHASE_RUN)
		session_process(s);
}

void session_remembered(struct session *s)
{
	s->remembered = true;
}

void session_refuse_busy(struct session *s)
{
	if (s->phase > PHASE_RUN)
		return;
	if (s->phase != PHASE_HANDSHAKE || s->config->handshake.initiator || !s->wire->tells) {
		session_fail(s, CLOSE_BUSY, ERROR_NETWORK, BLAME_LOCAL, "busy");
		return;
	}
	handshake_refuse(&s->desk->handshake, REFUSE_BUSY);
	s->wire->handshake(s);
}

/* ---- the transport speaks ---- */

/*
 * The end during the handshake. On a raw wire that is also how a server answers a first message that was
 * made for another key: it has no words for it.
 */
static void left_early(struct session *s)
{
	const struct handshake_config *h = &s->config->handshake;

	if (!s->wire->tells && h->initiator && !s->heard && noise_protocol_needs_remote(&h->protocol, true))
		session_fail(s, 0, ERROR_AUTH, BLAME_AUTH,
		    "the peer closed the connection without an answer: it has not the key that is expected of it, "
		    "or speaks another protocol than %s", h->protocol.name);
	else if (!s->wire->tells && s->judged && !h->initiator && s->peer.has_key)
		session_fail(s, 0, ERROR_AUTH, BLAME_AUTH,
		    "the peer left without having proven that it holds its key: it said nothing after the handshake");
	else
		session_fail(s, 0, ERROR_NETWORK, BLAME_PEER, "the peer closed the connection during the handshake (%s)",
		    s->fin_why);
}

void session_check_fin(struct session *s)
{
	/* Records may wait behind what our application has not taken yet; they say more. */
	bool behind = s->win_count == SESSION_WINDOWS || s->held;

	if (!s->fin || s->phase > PHASE_RUN || behind || (s->wire->all_heard(s) && s->ready))
		return;
	if (s->ready && s->wire->ends_by_fin && s->wire->ends_by_fin(s))
		return;
	s->out_head = s->out_tail; /* nobody will read it */
	if (!s->ready)
		left_early(s);
	else
		session_fail(s, 0, ERROR_TRUNCATED, BLAME_PEER,
		    s->peer_eof ? "the peer left without confirming delivery (%s)"
				: "the connection ended before the peer's end of data (%s)",
		    s->fin_why);
}

static void transport_ended(struct session *s, const char *why)
{
	s->fin = true;
	snprintf(s->fin_why, sizeof s->fin_why, "%s", why);
	session_check_fin(s);
}

void session_fin(struct session *s)
{
	transport_ended(s, "closed");
}

/*
 * On a raw wire a reset is all that a peer has to say that something went wrong, even if all has left
 * this side. (What waits to be opened is a reason to wait: then session_check_fin() will see to it.)
 */
static bool raw_broken(struct session *s, bool reading, const char *why)
{
	if (s->failed || s->phase == PHASE_CLOSED)
		return true;
	if (s->phase == PHASE_RUN && reading && !s->wire->all_heard(s))
		return false;
	session_fail(s, 0, ERROR_TRUNCATED, BLAME_PEER, "the peer left before it had all (%s)", why);
	return true;
}

void session_broken(struct session *s, bool reading, const char *why)
{
	s->wire_dead = true;
	if (!s->wire->tells && s->ready && raw_broken(s, reading, why))
		return;
	if (reading)
		transport_ended(s, why);
	/* else: what the peer sent before may still be read, and says more */
}

/* ---- state ---- */

/*
 * In PHASE_LINGER: is there still a reason to wait? What was opened wants to be taken, what is
 * said must leave, and if we said something last, leaving before the peer's end of transport
 * could make a reset that destroys it in flight.
 */
static bool waiting(const struct session *s)
{
	bool refused = s->refusal != REFUSE_NONE && !s->config->handshake.initiator;
	bool said = !s->failed || s->close_want || s->close_sent || refused;

	if (s->win_count > 0)
		return true;
	if (s->wire_dead || !said)
		return false;
	if (s->unacked > 0)
		return true;
	return s->out_head < s->out_tail || s->close_want || !s->fin;
}

static unsigned run_bits(const struct session *s)
{
	unsigned bits = 0;

	if (s->ready)
		bits |= SESSION_READY;
	if (session_resting(s) ? !s->wire_dead && s->wire->may_send(s) : session_can_send(s))
		bits |= SESSION_SEND_APP;
	if (s->finishing && s->win_count == 0 && !s->held && !s->receipt_want)
		bits |= SESSION_FINISH_APP;
	return bits;
}

unsigned session_state(const struct session *s)
{
	unsigned bits = 0;

	if (s->phase == PHASE_CLOSED || (s->phase == PHASE_LINGER && !waiting(s)))
		return SESSION_CLOSED;
	if (s->judging)
		bits |= SESSION_JUDGE;
	if (!s->wire_dead && s->out_head < s->out_tail)
		bits |= SESSION_SEND_WIRE;
	if (session_is_heavy(s))
		bits |= s->lent ? 0 : SESSION_HEAVY;
	else if ((s->in_tail < s->in_cap || session_resting(s)) && !s->fin)
		bits |= SESSION_RECV_WIRE;
	if (s->win_count > 0 && !s->stop_want)
		bits |= SESSION_RECV_APP;
	if (s->phase == PHASE_RUN)
		bits |= run_bits(s);
	if (s->phase == PHASE_LINGER || s->eof_want || s->peer.stopped)
		bits |= SESSION_INPUT_DONE;
	if (s->out_head == s->out_tail && !s->wire_dead && !session_wants_reset(s) &&
	    (s->phase == PHASE_LINGER ? !s->close_want : s->phase == PHASE_RUN && s->wire->all_said(s)))
		bits |= SESSION_SHUT_WIRE;
	return bits;
}

const struct error *session_error(const struct session *s)
{
	return &s->error;
}

const struct session_peer *session_peer(const struct session *s)
{
	return &s->peer;
}

bool session_agreed(const struct session *s)
{
	return s->ready;
}

bool session_wants_reset(const struct session *s)
{
	/* (One that left before it was served has nothing to be told.) */
	return !s->wire->tells && s->error.code != ERROR_OK && s->phase != PHASE_HANDSHAKE && (s->ready || !s->fin);
}

bool session_is_raw(const struct session *s)
{
	return !s->wire->tells;
}

bool session_keeps_messages(const struct session *s)
{
	return s->messages || !s->wire->tells;
}

size_t session_message_max(const struct session *s)
{
	return s->wire->tells ? SIZE_MAX : SESSION_RAW_MESSAGEMAX;
}

bool session_asks_unacked(const struct session *s)
{
	return s->config->tells_unacked && !s->wire->tells && !s->wire_dead &&
	    (s->pausing || s->ping_want || (s->phase == PHASE_LINGER && !s->failed));
}

int session_child_status(const struct session *s)
{
	bool told = s->peer.stopped || s->peer.receipted;

	return told && !s->failed && s->peer.status == RECEIPT_CHILD ? s->peer.detail : -1;
}

bool session_heard(const struct session *s)
{
	return s->heard;
}

/* ---- life ---- */

int session_start(struct session *s, const struct session_config *config, struct session_desk *desk,
    uint8_t *in, size_t in_cap, uint8_t *out, size_t out_cap, int64_t now)
{
	memset(s, 0, sizeof *s);
	memset(desk, 0, sizeof *desk);
	s->config = config;
	s->desk = desk;
	s->drain_ms = config->drain_ms;
	s->idle_ms = config->idle_ms;
	s->throwaway = config->throwaway;
	s->squash_buf = config->squash_buf;
	s->unsquash_buf = config->unsquash_buf;
	s->aide = config->aide;
	s->wire = config->wire;
	s->in = in;
	s->in_cap = in_cap;
	s->out = out;
	s->out_cap = out_cap;
	s->now = s->started = s->last_recv = s->last_send = s->last_data = now;
	s->frame_since = s->rtt_ms = -1;
	if (s->wire->start(s) < 0) {
		s->phase = PHASE_CLOSED;
		return -1;
	}
	return 0;
}

void session_move_desk(struct session *s, struct session_desk *desk)
{
	*desk = *s->desk;
	secret_wipe(s->desk, sizeof *s->desk);
	s->desk = desk;
}

void session_lend_squash(struct session *s, uint8_t *squash_buf, uint8_t *unsquash_buf)
{
	s->squash_buf = squash_buf;
	s->unsquash_buf = unsquash_buf;
	s->aide = NULL;
}

void session_free(struct session *s)
{
	if (s->shaking)
		handshake_free(&s->desk->handshake);
	noise_cipher_free(&s->tx);
	noise_cipher_free(&s->rx);
	squash_free(&s->squash);
	unsquash_free(&s->unsquash);
	secret_wipe(s, sizeof *s);
	s->phase = PHASE_CLOSED;
}
