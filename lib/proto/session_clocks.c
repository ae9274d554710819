/* The clocks of the session engine: when is what over, and when does it want to be asked again? */
#include "wire.h"

#define EXPIRED_DRAIN_MS 1000
#define UNACKED_MS 10 /* between two looks at what the transport still holds */

/*
 * Nobody can confirm the last message: if the transport dies when only our receipt is missing,
 * that is the peer's loss of certainty, not ours.
 */
static bool complete(const struct session *s)
{
	bool nothing_left = s->wire_dead && s->eof_want && (s->receipt_want || s->stop_want);

	return s->wire->all_heard(s) && (s->wire->all_said(s) || nothing_left);
}

static bool ready_to_read(const struct session *s)
{
	return (s->in_tail < s->in_cap || session_resting(s)) && s->win_count == 0 && !s->judging;
}

/* What we waited for ourselves is no silence of the peer. */
void session_restart_clocks(struct session *s)
{
	s->last_recv = s->last_data = s->now;
	if (s->frame_since >= 0)
		s->frame_since = s->now;
}

/*
 * Before READY the handshake's clock runs; when all is heard, only our own application is waited for;
 * and what the peer does not take yet is back-pressure, not idleness: keep-alive finds the dead. Where
 * there is none, a peer that takes nothing of what waits is idle.
 */
static bool idle_counts(const struct session *s)
{
	bool stuck = session_data_waits(s);

	if (!s->ready || !ready_to_read(s))
		return false;
	return s->wire->tells ? !stuck && !s->wire->all_heard(s) : stuck || !s->wire->all_heard(s);
}

/* Whoever let a clock run out will hardly answer promptly now: do not wait long for that. */
void session_expire(struct session *s, const char *what)
{
	if (s->drain_ms > EXPIRED_DRAIN_MS)
		s->drain_ms = EXPIRED_DRAIN_MS;
	session_fail(s, CLOSE_TIMEOUT, ERROR_TIMEOUT, BLAME_PEER, "%s", what);
}

static bool past(const struct session *s, int64_t since, int64_t limit)
{
	return limit > 0 && since >= 0 && s->now - since >= limit;
}

/* A probe is nothing but a handshake, to its end. */
static bool handshaking(const struct session *s)
{
	return !s->ready || s->config->probe || s->peer.probe;
}

static void tick_run(struct session *s)
{
	const struct session_config *c = s->config;

	if (complete(s)) {
		session_linger(s);
		return;
	}
	if (s->wire->tells && session_data_waits(s))
		s->last_data = s->now;
	if (!ready_to_read(s))
		session_restart_clocks(s); /* a slow application is back-pressure, not a fault of the peer */
	if (handshaking(s) && past(s, s->started, c->handshake_ms))
		session_expire(s, "timeout: the handshake took too long (see --handshake-timeout)");
	else if (past(s, s->frame_since, c->message_ms))
		session_expire(s, "timeout: the peer stopped in the middle of a record (see --message-timeout)");
	else if (idle_counts(s) && past(s, s->last_data, s->idle_ms))
		session_expire(s, "timeout: no data either way (see --idle-timeout)");
	else {
		s->wire->tick(s);
		if (s->phase == PHASE_RUN && complete(s))
			session_linger(s);
	}
}

void session_tick(struct session *s, int64_t now)
{
	s->now = now;
	if (s->phase == PHASE_HANDSHAKE && past(s, s->started, s->config->handshake_ms))
		session_expire(s, "timeout: the handshake took too long (see --handshake-timeout)");
	else if (s->phase == PHASE_RUN)
		tick_run(s);
	else if (s->phase == PHASE_LINGER && s->win_count == 0 && s->unacked == 0 && now >= s->linger_until)
		s->phase = PHASE_CLOSED;
}

static void sooner(int64_t *best, int64_t since, int64_t limit)
{
	if (limit > 0 && since >= 0 && (*best < 0 || since + limit < *best))
		*best = since + limit;
}

int64_t session_deadline(const struct session *s)
{
	const struct session_config *c = s->config;
	int64_t at = -1;

	if (s->phase == PHASE_LINGER && s->unacked > 0 && !s->wire_dead)
		return s->now + UNACKED_MS;
	if (s->phase == PHASE_LINGER)
		return s->win_count == 0 ? s->linger_until : -1;
	if (s->phase == PHASE_HANDSHAKE || handshaking(s))
		sooner(&at, s->started, c->handshake_ms);
	if (s->phase != PHASE_RUN)
		return at;
	if (complete(s))
		return s->now;
	if (ready_to_read(s))
		sooner(&at, s->frame_since, c->message_ms);
	if (idle_counts(s))
		sooner(&at, s->last_data, s->idle_ms);
	int64_t wire = s->wire->deadline(s);

	return wire >= 0 && (at < 0 || wire < at) ? wire : at;
}

/* As long as the peer takes something, it is waited for; then it has the usual time to end its side. */
void session_unacked(struct session *s, size_t n)
{
	size_t waiting = s->out_tail - s->out_head + n;

	if (n < s->unacked)
		s->acked_at = s->now;
	s->unacked = n;
	s->ping_want = false;
	if (s->phase != PHASE_HANDSHAKE && waiting < s->sent && s->sent - waiting > s->confirmed)
		s->confirmed = s->sent - waiting;
	if (s->phase == PHASE_RUN && s->pausing) {
		if (n > 0)
			s->quiet_until = s->now + s->config->pause_ms;
		s->pausing = s->now < s->quiet_until;
	} else if (s->phase == PHASE_LINGER && n > 0) {
		s->linger_until = s->now + s->drain_ms;
		if (past(s, s->acked_at, s->idle_ms))
			session_expire(s, "timeout: the peer does not take the rest (see --idle-timeout)");
	}
}

void session_ask(struct session *s)
{
	if (s->pings == 0 && s->ready)
		s->ping_want = true;
}

void session_hurry(struct session *s, int64_t drain_ms)
{
	s->drain_ms = drain_ms;
	if (s->phase == PHASE_LINGER && s->linger_until > s->now + drain_ms)
		s->linger_until = s->now + drain_ms;
}

void session_resumed(struct session *s, int64_t now)
{
	int64_t gap = now - s->now;

	s->last_recv += gap;
	s->last_send += gap;
	s->last_data += gap;
	s->started += gap;
	s->acked_at += gap;
	s->ping_at += gap;
	s->linger_until += gap;
	if (s->frame_since >= 0)
		s->frame_since += gap;
	s->now = now;
}
