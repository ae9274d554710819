/* The sending half of the session engine: plaintext into records, records to the transport. */
#include <string.h>

#include "bigendian.h"
#include "wire.h"

/*
 *   out:  | sent | waits for the transport | free: records are built here, in place |
 *         0      out_head                  out_tail                            out_cap
 *
 * The buffer is rewound when it is empty and compacted when what is left is small, so the
 * caller always gets windows in one piece and nothing is copied on the fast path.
 */
#define COMPACT_BELOW (64 * 1024)

size_t session_room(const struct session *s)
{
	return s->out_cap - s->out_tail;
}

static void compact(struct session *s)
{
	if (s->out_head == s->out_tail)
		s->out_head = s->out_tail = s->data_tail = 0;
	else if (s->out_head > s->out_cap / 2 && s->out_tail - s->out_head < COMPACT_BELOW) {
		memmove(s->out, s->out + s->out_head, s->out_tail - s->out_head);
		s->out_tail -= s->out_head;
		s->data_tail = s->data_tail > s->out_head ? s->data_tail - s->out_head : 0;
		s->out_head = 0;
	}
}

int session_queue(struct session *s, const uint8_t *bytes, size_t n)
{
	if (session_room(s) < n)
		return -1;
	memcpy(s->out + s->out_tail, bytes, n);
	s->out_tail += n;
	return 0;
}

int session_seal(struct session *s, size_t n)
{
	uint8_t *frame = s->out + s->out_tail;
	int rc = noise_cipher_seal(&s->tx, frame + 4, n, frame + 4);

	if (rc != NOISE_OK)
		return session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "cannot encrypt: %s", noise_strerror(rc));
	be_put32(frame, (uint32_t)(n + AEAD_TAGBYTES));
	s->out_tail += 4 + n + AEAD_TAGBYTES;
	s->tx_bytes += n;
	s->tx_records++;
	s->last_send = s->now;
	return 0;
}

const uint8_t *session_send_wire_buf(struct session *s, size_t *len)
{
	*len = s->wire_dead ? 0 : s->out_tail - s->out_head;
	return *len > 0 ? s->out + s->out_head : NULL;
}

void session_send_wire_ack(struct session *s, size_t n)
{
	s->out_head += n;
	compact(s);
	if (!s->wire->tells)
		s->last_data = s->now;
	if (s->phase != PHASE_HANDSHAKE)
		s->wire->control(s);
}

/* ---- plaintext to send ---- */

/* Where data goes before it is sealed: straight into records, or into the squash buffer. Only
 * squash_piece() and squash_passed() change that, so that it holds from window to acknowledgement. */
static bool squashing(const struct session *s)
{
	return s->compress && s->squash_buf && squash_wanted(&s->squash);
}

size_t session_body_room(const struct session *s, size_t used)
{
	size_t room = session_room(s), overhead = SESSION_OVERHEAD(s->wire);

	if (room < used + overhead + 1)
		return 0;
	room -= used + overhead;
	return room < s->wire->body_max ? room : s->wire->body_max;
}

/* Better to wait for the transport than to cut a small record off the end of a busy buffer. */
static bool room_worth_it(const struct session *s)
{
	size_t body = session_body_room(s, 0), most = s->out_cap / 2;

	return body > 0 && (body >= s->wire->body_max || body >= most || s->out_tail == 0);
}

bool session_data_waits(const struct session *s)
{
	return s->out_head < s->data_tail;
}

bool session_can_send(const struct session *s)
{
	return s->phase == PHASE_RUN && !s->wire_dead && !s->close_want && s->wire->may_send(s) &&
	    room_worth_it(s);
}

int session_send_app_iov(struct session *s, struct iovec *iov, int max)
{
	size_t used = 0, overhead = SESSION_OVERHEAD(s->wire);
	int count = 0;

	if (max < 1 || !session_can_send(s))
		return 0;
	if (squashing(s)) {
		iov[0].iov_base = s->squash_buf;
		iov[0].iov_len = session_squash_window(s);
		return iov[0].iov_len > 0 ? 1 : 0;
	}
	if (squash_pause(&s->squash) > 0 && (uint32_t)max > squash_pause(&s->squash))
		max = (int)squash_pause(&s->squash);
	while (count < max) {
		size_t body = session_body_room(s, used);

		/* Only the first window may be a short one: records at full size cost least. */
		if (body == 0 || (count > 0 && body < s->wire->body_max))
			break;
		iov[count].iov_base = s->out + s->out_tail + used + 4 + s->wire->prefix;
		iov[count].iov_len = body;
		used += overhead + body;
		count++;
	}
	return count;
}

/*
 * Records stand ready where the windows were; each needs only prefix, seal and length. Nothing
 * else may be queued before the last one is sealed: it would overwrite the windows behind.
 */
static void seal_windows(struct session *s, size_t n, bool part)
{
	while (n > 0) {
		size_t body = n < s->wire->body_max ? n : s->wire->body_max;

		n -= body;
		s->wire->data_prefix(s, s->out + s->out_tail + 4, part || n > 0 ? DATA_PART : DATA_WHOLE);
		if (session_seal(s, s->wire->prefix + body) < 0)
			return;
		s->sent += body;
		if (!s->messages || (!part && n == 0))
			s->messages_sent++;
	}
}

/* Part of a message: not compressed. */
static void seal_part(struct session *s, size_t n)
{
	memcpy(s->out + s->out_tail + 4 + s->wire->prefix, s->squash_buf, n);
	seal_windows(s, n, true);
}

static void send_ack(struct session *s, size_t n, bool part)
{
	if (n == 0)
		return;
	if (squashing(s)) {
		if (part)
			seal_part(s, n);
		else
			session_seal_squashed(s, n);
	} else {
		squash_passed(&s->squash, (n + s->wire->body_max - 1) / s->wire->body_max);
		seal_windows(s, n, part);
	}
	s->data_tail = s->out_tail;
	s->last_data = s->now;
	if (s->phase == PHASE_RUN)
		s->wire->control(s);
}

void session_send_app_ack(struct session *s, size_t n)
{
	send_ack(s, n, false);
}

void session_send_empty(struct session *s)
{
	if (!session_can_send(s))
		return;
	if (s->wire->empty_proves && s->wire->empty_proves(s)) {
		if (session_seal(s, 0) < 0)
			return;
		s->messages_sent++;
	}
	s->wire->data_prefix(s, s->out + s->out_tail + 4, DATA_WHOLE);
	if (session_seal(s, s->wire->prefix) < 0)
		return;
	s->messages_sent++;
	s->data_tail = s->out_tail;
	s->last_data = s->now;
	s->wire->control(s);
}

void session_send_part_ack(struct session *s, size_t n)
{
	send_ack(s, n, s->messages);
}
