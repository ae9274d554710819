/* udp_socket, what goes out. */
#include "udp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define SEGMENTS_MOST 64
#define UNIT_MOST 65000 /* bytes of one unit, headers apart */
#define UNITS_MOST 32
#define UNITS_GOOD 4

uint8_t *udp_socket_room(struct udp_socket *s, size_t n)
{
	if (s->count == UDP_SOCKET_BATCH || UDP_SOCKET_OUT - s->filled < n)
		return NULL;
	return s->out + s->filled;
}

void udp_socket_put(struct udp_socket *s, const struct udp_address *to, size_t n, bool split)
{
	s->entries[s->count++] = (struct udp_socket_entry){*to, (uint32_t)s->filled, (uint32_t)n, split};
	s->filled += n;
}

size_t udp_socket_batch(size_t size)
{
	size_t most = size > 0 ? UNIT_MOST / size : SEGMENTS_MOST;

	return UNITS_GOOD * (most < 1 ? 1 : most > SEGMENTS_MOST ? SEGMENTS_MOST : most);
}

static void set_split(struct udp_socket *s, bool split)
{
#ifdef IP_PMTUDISC_PROBE
	int value = split ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE;

	if (s->split != split)
		(void)setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof value);
#endif
	s->split = split;
}

struct departure {
	struct sockaddr_storage to;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))];
	size_t count; /* datagrams in it */
};

/* One unit from entry ${i} on: all of one size but the last, which may be shorter. */
static size_t gather(const struct udp_socket *s, size_t i, size_t *bytes)
{
	const struct udp_socket_entry *first = &s->entries[i];
	size_t n = 1;

	*bytes = first->len;
	if (!s->gso || s->single > 0)
		return 1;
	while (i + n < s->count && n < SEGMENTS_MOST && first->len > 0) {
		const struct udp_socket_entry *e = &s->entries[i + n];

		if (e->split != first->split || !address_same(&e->to, &first->to) || e->len > first->len || *bytes + e->len > UNIT_MOST)
			break;
		*bytes += e->len;
		n++;
		if (e->len < first->len)
			break;
	}
	return n;
}

static void prepare(struct udp_socket *s, size_t i, struct departure *d, struct msghdr *h)
{
	const struct udp_socket_entry *first = &s->entries[i];
	size_t bytes;

	d->count = gather(s, i, &bytes);
	d->iov = (struct iovec){s->out + first->at, bytes};
	*h = (struct msghdr){.msg_name = &d->to, .msg_namelen = udp_address_to(&d->to, &first->to, s->family), .msg_iov = &d->iov,
	    .msg_iovlen = 1};
	if (d->count > 1) {
		uint16_t size = (uint16_t)first->len;
		struct cmsghdr *c;

		memset(d->control, 0, sizeof d->control);
		h->msg_control = d->control;
		h->msg_controllen = sizeof d->control;
		c = CMSG_FIRSTHDR(h);
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof size);
		memcpy(CMSG_DATA(c), &size, sizeof size);
	}
}

/* The unit at the front is done with. What went one by one without a fault should have gone together: the
 * kernel cannot do that. */
static void went(struct udp_socket *s, size_t count)
{
	s->first += count;
	if (s->single == 0)
		return;
	s->single -= s->single < count ? s->single : count;
	if (s->single == 0 && !s->single_failed)
		s->gso = false;
}

/* The unit at the front did not go. True if it is to be tried again at once, in another way. */
static bool failed(struct udp_socket *s, const struct departure *d, int error)
{
	struct udp_socket_entry *e = &s->entries[s->first];

	if (error == EINTR)
		return true;
	/* No segmentation here, or not so large: one by one, then each shows its own fault. */
	if (d->count > 1 && (error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE || error == ENOPROTOOPT)) {
		s->single = d->count;
		s->single_failed = false;
		return true;
	}
	/* An answer to something sent before; this one was not tried. */
	if (error == ECONNREFUSED)
		return true;
	s->single_failed = true;
	went(s, d->count);
	s->hooks.failed(s->hooks.owner, &e->to, e->len, error);
	return true;
}

bool udp_socket_flush(struct udp_socket *s)
{
	while (s->first < s->count) {
		struct departure d[UNITS_MOST];
		struct mmsghdr m[UNITS_MOST] = {0};
		size_t i = s->first;
		unsigned units = 0;
		int sent;

		set_split(s, s->entries[i].split);
		while (i < s->count && units < UNITS_MOST && s->entries[i].split == s->split) {
			prepare(s, i, &d[units], &m[units].msg_hdr);
			i += d[units++].count;
		}
		sent = sendmmsg(s->fd, m, units, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			for (int k = 0; k < sent; k++)
				went(s, d[k].count);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return false;
		(void)failed(s, &d[0], errno);
	}
	s->first = s->count = s->filled = 0;
	return true;
}
