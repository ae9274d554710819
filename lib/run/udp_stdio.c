#include "udp_stdio.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stdstreams.h"
#include "udp_report.h"

#define IN_SIZE (256 * 1024)
#define OUT_SIZE (2 * 1024 * 1024)
#define TAG_MAX (ADDRESS_TEXTMAX + 2)
#define UNIT_MAX (UDP_TEXT_MAX + TAG_MAX + 8)
#define BLOCKED_MS 1000 /* a UDP socket that takes nothing for so long is broken */
#define BATCH_MOST 256	/* messages of our input at a time */
#define PUMP_READS 64	/* what comes in wants its turn, too */
#define PUMP_BATCHES 4
#define READ_MUCH 16384 /* after so much there will be more at once */

int udp_stdio_open(struct udp_loop *l, struct error *e)
{
	l->ep = stdstreams_open(NULL, l->o->recv_only, l->o->send_only, e);
	if (!l->ep)
		return -1;
	l->in.framing = l->o->framing;
	l->in.cap = IN_SIZE;
	l->in.buf = malloc(IN_SIZE);
	l->out = malloc(OUT_SIZE);
	if (!l->in.buf || !l->out)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for buffers");
	l->in_done = l->o->recv_only || l->ep->in_fd < 0;
	return 0;
}

void udp_stdio_close(struct udp_loop *l)
{
	if (l->ep)
		stdstreams_close(l->ep);
	if (l->in.buf)
		secret_wipe(l->in.buf, IN_SIZE);
	free(l->in.buf);
	free(l->out);
	l->ep = NULL;
	l->in.buf = l->out = NULL;
}

/* ---- input ---- */

/* What all of them can take now: messages (0 if there is nobody), how long one may be, how many fill the socket. */
struct share {
	uint64_t room;
	size_t text_max, batch;
};

static struct share share_of_all(struct udp_loop *l)
{
	struct share s = {.room = UINT64_MAX, .text_max = UDP_TEXT_MAX, .batch = BATCH_MOST};
	bool any = false;

	for (size_t i = 0; i < l->engine->peers.used; i++) {
		struct peer *p = &l->slots[i];
		size_t text_max, batch;
		uint64_t room;

		if (!udp_loop_is_target(l, p) || !udp_ready(l->engine, p))
			continue;
		any = true;
		room = udp_room(l->engine, p);
		text_max = udp_text_max(l->engine, p);
		batch = udp_socket_batch(p->size);
		s.room = room < s.room ? room : s.room;
		s.text_max = text_max < s.text_max ? text_max : s.text_max;
		s.batch = batch < s.batch ? batch : s.batch;
	}
	if (!any)
		s.room = 0;
	return s;
}

bool udp_stdio_wants(struct udp_loop *l)
{
	return !l->in_done && !l->leaving && l->in_started && l->ep->in_fd >= 0 && l->socket.count == 0 &&
	    share_of_all(l).room > 0 && (!l->ep->ops->may_read || l->ep->ops->may_read(l->ep));
}

static void tell_too_large(struct udp_loop *l, const struct peer *p, size_t n)
{
	char at[ADDRESS_TEXTMAX];

	l->oversized++;
	log_error("a message of %zu bytes is too large for %s: at most %zu fit into a datagram of %zu bytes there", n,
	    udp_address_text(at, &p->at), udp_text_max(l->engine, p), p->size);
}

/* Room in the batch for a datagram to ${p}. */
static uint8_t *room_for(struct udp_loop *l, const struct peer *p)
{
	uint8_t *at = udp_socket_room(&l->socket, p->size + 16);
	struct pollfd fd = {.fd = l->socket.fd, .events = POLLOUT};

	while (!at) {
		if (!udp_socket_flush(&l->socket) && poll(&fd, 1, BLOCKED_MS) == 0)
			return NULL;
		at = udp_socket_room(&l->socket, p->size + 16);
	}
	return at;
}

static const char *send_one(struct udp_loop *l, struct peer *p, const uint8_t *text, size_t n)
{
	char at[ADDRESS_TEXTMAX];
	uint8_t *out = room_for(l, p);
	size_t len;

	if (!out)
		return "the network takes nothing";
	switch (udp_seal(l->engine, p, text, n, out, &len)) {
	case UDP_SEALED:
		udp_socket_put(&l->socket, &p->at, len, false);
		return NULL;
	case UDP_E_SIZE:
		tell_too_large(l, p, n);
		return "too large";
	case UDP_E_UTF8:
		l->not_text++;
		log_error("a message of %zu bytes is no UTF-8 text, which is all that %s takes", n, udp_address_text(at, &p->at));
		return "no UTF-8 text";
	default:
		return "no session";
	}
}

unsigned udp_loop_send(struct udp_loop *l, struct peer *only, const uint8_t *text, size_t n, const char **why)
{
	unsigned sent = 0;

	*why = "nobody to send it to";
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		struct peer *p = &l->slots[i];
		const char *failed;

		if (only ? p != only : !udp_loop_is_target(l, p) || !udp_ready(l->engine, p))
			continue;
		failed = send_one(l, p, text, n);
		if (failed)
			*why = failed;
		else
			sent++;
	}
	return sent;
}

/* What fails and is not told at once is counted. */
static void send_to(struct udp_loop *l, struct peer *p, const uint8_t *const *texts, const size_t *lens, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		uint64_t told = l->oversized + l->not_text;

		if (!send_one(l, p, texts[k], lens[k]) || l->oversized + l->not_text > told)
			continue;
		l->unsent++;
		if (l->socket.count == 0)
			continue;
		/* The network takes nothing: to wait again for each would leave us deaf. */
		l->unsent += count - k - 1;
		return;
	}
}

/* Rows of messages to one peer after the other: so the kernel can cut them. */
static void send_batch(struct udp_loop *l, const uint8_t *const *texts, const size_t *lens, size_t count)
{
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		struct peer *p = &l->slots[i];

		if (!udp_loop_is_target(l, p) || !udp_ready(l->engine, p))
			continue;
		send_to(l, p, texts, lens, count);
	}
}

/* Take at most ${most} whole messages from the buffer and send them. How many. */
static size_t send_some(struct udp_loop *l, uint64_t most)
{
	const uint8_t *texts[BATCH_MOST];
	size_t lens[BATCH_MOST], count = 0;

	while (count < BATCH_MOST && count < most) {
		enum units_found found = units_next(&l->in, &texts[count], &lens[count]);

		if (found == UNITS_MORE)
			break;
		if (found == UNITS_MESSAGE) {
			count++;
			continue;
		}
		l->oversized++;
		log_error(found == UNITS_LARGE ? "a message of more than %d bytes is not sent: it fits into no datagram" :
						   "standard input ended within a message", IN_SIZE);
	}
	if (count > 0)
		send_batch(l, texts, lens, count);
	return count;
}

/* Read once. False if there is nothing to be had. *${more}: then there probably is more. */
static bool read_some(struct udp_loop *l, size_t text_max, bool *more)
{
	struct iovec iov;
	ssize_t got;

	iov.iov_base = units_room(&l->in, &iov.iov_len);
	if (l->o->framing == FRAMING_RAW && iov.iov_len > text_max)
		iov.iov_len = text_max > 0 ? text_max : 1;
	got = l->ep->ops->read(l->ep, &iov, 1);
	*more = got > 0 && ((size_t)got == iov.iov_len || got >= READ_MUCH);
	if (got > 0) {
		units_filled(&l->in, (size_t)got);
		return true;
	}
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (got < 0)
		error_set(&l->error, ERROR_IO, BLAME_LOCAL, "%s: %s", l->ep->in_name, strerror(errno));
	l->in.eof = true;
	return false;
}

/* Send up to ${most} messages, those that were read or else more. *${more}: others may be had at once. */
static size_t gather(struct udp_loop *l, uint64_t most, size_t text_max, bool *more)
{
	size_t sent = send_some(l, most);
	bool got = false;

	if (sent > 0)
		return sent;
	if (l->in.eof)
		l->in_done = true;
	else if (read_some(l, text_max, &got) || l->in.eof)
		sent = send_some(l, most);
	*more = got || sent == most || l->in.eof;
	return sent;
}

/* A bounded share of work. What a read leaves over does not go alone if there is more to be read at once. */
void udp_stdio_pump(struct udp_loop *l)
{
	size_t gathered = 0, batches = 0;
	bool more = true;

	l->in_more = false;
	if (l->socket.count > 0)
		return;
	for (int i = 0; more && !l->in_done && !l->leaving && l->in_started; i++) {
		struct share s = share_of_all(l);
		uint64_t most = s.batch > gathered ? s.batch - gathered : 1;

		if (i == PUMP_READS || batches == PUMP_BATCHES) {
			/* (What is still to be read is watched for.) */
			l->in_more = l->in.from < l->in.to || l->in.eof;
			break;
		}
		if (s.room == 0)
			break;
		gathered += gather(l, most < s.room ? most : s.room, s.text_max, &more);
		if (gathered < s.batch)
			continue;
		if (!udp_socket_flush(&l->socket))
			return;
		gathered = 0;
		batches++;
	}
	(void)udp_socket_flush(&l->socket);
}

/* ---- output ---- */

bool udp_stdio_room(const struct udp_loop *l)
{
	return l->broken_output || l->o->send_only || OUT_SIZE - (l->out_to - l->out_from) >= UNIT_MAX;
}

static void make_room(struct udp_loop *l)
{
	if (l->out_from == 0)
		return;
	if (OUT_SIZE - l->out_to >= UNIT_MAX && l->out_from < l->out_to)
		return;
	memmove(l->out, l->out + l->out_from, l->out_to - l->out_from);
	l->out_to -= l->out_from;
	l->out_from = 0;
}

/* So it shall not be confirmed. */
static void not_written(const struct udp_message *m)
{
	if (m->peer)
		m->peer->delivered--;
}

void udp_stdio_take(struct udp_loop *l, const struct udp_message *m)
{
	char tag[TAG_MAX] = "", at[ADDRESS_TEXTMAX];
	size_t n;

	udp_report_message(l, m);
	if (l->o->send_only || l->broken_output || l->leaving) {
		not_written(m);
		return;
	}
	if (l->o->tag)
		snprintf(tag, sizeof tag, "%s\t", udp_address_text(at, m->peer ? &m->peer->at : &m->from));
	make_room(l);
	n = units_write(l->o->framing, l->o->tag ? tag : NULL, m->text, m->len, l->out + l->out_to, OUT_SIZE - l->out_to);
	if (n == SIZE_MAX) {
		if (l->unframed++ == 0)
			log_error("a message from %s holds the delimiter and is not written: use --framing u32 or nul",
			    udp_address_text(at, m->peer ? &m->peer->at : &m->from));
		not_written(m);
		return;
	}
	l->out_to += n;
	l->delivered++;
}

void udp_stdio_flush(struct udp_loop *l)
{
	while (l->out_from < l->out_to && !l->broken_output) {
		struct iovec iov = {l->out + l->out_from, l->out_to - l->out_from};
		ssize_t put = l->ep->ops->write(l->ep, &iov, 1);

		if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (put < 0) {
			error_set(&l->error, ERROR_IO, BLAME_LOCAL, "%s: %s", l->ep->out_name, strerror(errno));
			l->broken_output = true;
			return;
		}
		l->out_from += (size_t)put;
	}
	l->out_from = l->out_to = 0;
	if (!l->broken_output)
		udp_written(l->engine);
}
