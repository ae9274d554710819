/* The receiving half of the session engine: records from the transport, plaintext out of them. */
#include <string.h>

#include "bigendian.h"
#include "wire.h"

/*
 *   in:   | opened records, their windows | unparsed ciphertext | free: recv() goes here |
 *         0                               in_head               in_tail            in_cap
 *
 * Records are opened where they lie. When all windows are taken, the unparsed rest (less than a
 * record) moves to the front.
 */

uint8_t *session_recv_wire_buf(struct session *s, size_t *len)
{
	*len = s->in_cap - s->in_tail;
	return *len > 0 ? s->in + s->in_tail : NULL;
}

static void rewind_in(struct session *s)
{
	if (s->win_count > 0 || s->held)
		return;
	if (s->in_head == s->in_tail)
		s->in_head = s->in_tail = 0;
	else if (s->in_head > 0 && s->in_cap - s->in_head < SESSION_FRAMEMAX + s->in_cap / 2) {
		memmove(s->in, s->in + s->in_head, s->in_tail - s->in_head);
		s->in_tail -= s->in_head;
		s->in_head = 0;
	}
}

void session_window_add(struct session *s, uint8_t *data, size_t n, bool more)
{
	unsigned at = (s->win_first + s->win_count) % SESSION_WINDOWS;

	s->desk->windows[at] = (struct session_window){data, n, more};
	s->win_count++;
	s->received += n;
	s->last_data = s->now;
	if (!more)
		s->messages_received++;
}

/* Open the frame at in_head if it is complete. 1: progress; 0: wait for more or for room. */
static int open_frame(struct session *s)
{
	size_t have = s->in_tail - s->in_head;
	uint8_t *frame = s->in + s->in_head;
	uint32_t len;
	int rc;

	if (have < 4 || s->held || s->win_count == SESSION_WINDOWS)
		return 0;
	len = be_get32(frame);
	if (len < AEAD_TAGBYTES + s->wire->prefix || len > NOISE_MAXMSG) {
		if (!s->wire->odd_frame(s, len))
			session_fail(s, CLOSE_PROTOCOL, ERROR_PROTOCOL, BLAME_PEER,
			    "the peer sent a frame of impossible length %u", (unsigned)len);
		return 0;
	}
	/* Before the verdict the buffer is small; only an OPEN may come then, and an OPEN fits. */
	if (len > s->in_cap - 4) {
		session_fail(s, CLOSE_PROTOCOL, ERROR_PROTOCOL, BLAME_PEER,
		    "protocol error by the peer: its first record is too long for an OPEN");
		return 0;
	}
	if (have - 4 < len)
		return 0;
	rc = noise_cipher_open(&s->rx, frame + 4, len, frame + 4);
	if (rc != NOISE_OK) {
		session_fail(s, CLOSE_PROTOCOL, s->peer.authenticated ? ERROR_PROTOCOL : ERROR_AUTH, BLAME_AUTH,
		    "a record from the peer does not open: %s", noise_strerror(rc));
		return 0;
	}
	s->peer.authenticated = true;
	s->in_head += 4 + len;
	return s->wire->record(s, frame + 4, len - AEAD_TAGBYTES) == 0;
}

/* The message clock runs while a frame is incomplete, from its first byte. */
static void open_frames(struct session *s)
{
	size_t before = s->in_head;

	while (s->phase == PHASE_RUN && !s->judging && open_frame(s))
		;
	if (s->in_head == s->in_tail || s->phase != PHASE_RUN)
		s->frame_since = -1;
	else if (s->frame_since < 0 || s->in_head != before)
		s->frame_since = s->now;
	rewind_in(s);
}

/* Do all that the bytes at hand allow. */
void session_process(struct session *s)
{
	size_t before;

	do {
		before = s->in_head;
		if (s->phase == PHASE_HANDSHAKE)
			s->wire->handshake(s);
	} while (s->phase == PHASE_HANDSHAKE && s->in_head != before && !s->judging);
	if (s->phase == PHASE_RUN) {
		open_frames(s);
		session_check_fin(s);
		if (s->phase == PHASE_RUN)
			s->wire->control(s);
	} else
		rewind_in(s);
}

void session_recv_wire_ack(struct session *s, size_t n)
{
	s->heard = true;
	s->last_recv = s->now;
	if (s->phase >= PHASE_LINGER)
		return; /* read only so that the peer's closing is not disturbed: dropped */
	s->in_tail += n;
	session_process(s);
}

/* ---- plaintext for the application ---- */

int session_recv_app_iov(struct session *s, struct iovec *iov, int max)
{
	int count = 0;

	for (unsigned i = 0; i < s->win_count && count < max; i++, count++) {
		struct session_window *w = &s->desk->windows[(s->win_first + i) % SESSION_WINDOWS];

		iov[count].iov_base = w->data;
		iov[count].iov_len = w->len;
	}
	return count;
}

const struct session_window *session_recv_app_window(struct session *s)
{
	return s->win_count > 0 ? &s->desk->windows[s->win_first] : NULL;
}

void session_drop_windows(struct session *s)
{
	if (s->win_count > 0)
		session_restart_clocks(s);
	s->win_count = 0;
	s->unsquash_busy = false;
}

/* A compressed record may have waited for its turn at the unsquash buffer. */
void session_resume_held(struct session *s)
{
	uint8_t *held = s->held;

	if (!held || s->unsquash_busy)
		return;
	s->held = NULL;
	s->wire->record(s, held, s->held_len);
}

/* Was this window, taken to its end, in the buffer for decompression? (An empty one has nothing there.) */
static bool was_unsquashed(const struct session *s, const struct session_window *w)
{
	uintptr_t at = (uintptr_t)w->data, buf = (uintptr_t)s->unsquash_buf;

	return s->unsquash_busy && at > buf && at <= buf + SQUASH_PLAIN;
}

void session_recv_app_lost(struct session *s, uint64_t n)
{
	s->delivered -= n < s->delivered ? n : s->delivered;
}

void session_recv_app_ack(struct session *s, size_t n)
{
	s->delivered += n;
	session_restart_clocks(s);
	/* (An empty message behind is not taken by the way.) */
	for (bool first = true; s->win_count > 0 && (first || n > 0); first = false) {
		struct session_window *w = &s->desk->windows[s->win_first];
		size_t take = n < w->len ? n : w->len;

		w->data += take;
		w->len -= take;
		n -= take;
		if (w->len > 0)
			return;
		/* (One that came before it, or comes behind, leaves that as it is.) */
		if (was_unsquashed(s, w))
			s->unsquash_busy = false;
		s->win_first = (s->win_first + 1) % SESSION_WINDOWS;
		s->win_count--;
	}
	if (s->phase == PHASE_RUN) {
		session_resume_held(s);
		session_process(s);
	} else
		rewind_in(s);
}

/* ---- other buffers ---- */

/* Plaintext that waits moves along (unless it lies in the buffer for decompression). */
static void move_windows(struct session *s, uint8_t *in)
{
	for (unsigned i = 0; i < s->win_count; i++) {
		struct session_window *w = &s->desk->windows[(s->win_first + i) % SESSION_WINDOWS];
		uintptr_t offset = (uintptr_t)w->data - (uintptr_t)s->in;

		if (offset < s->in_head)
			w->data = in + offset;
	}
	if (s->held)
		s->held = in + (s->held - s->in);
}

int session_buffers(struct session *s, uint8_t *in, size_t in_cap, uint8_t *out, size_t out_cap)
{
	size_t first = s->win_count > 0 || s->held ? 0 : s->in_head;
	size_t in_len = s->in_tail - first, out_len = s->out_tail - s->out_head;

	if (in_len > in_cap || out_len > out_cap)
		return -1;
	memcpy(in, s->in + first, in_len);
	memcpy(out, s->out + s->out_head, out_len);
	move_windows(s, in);
	s->in = in;
	s->in_cap = in_cap;
	s->in_head -= first;
	s->in_tail = in_len;
	s->out = out;
	s->out_cap = out_cap;
	s->data_tail = s->data_tail > s->out_head ? s->data_tail - s->out_head : 0;
	s->out_head = 0;
	s->out_tail = out_len;
	return 0;
}
