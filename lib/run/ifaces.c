#include "ifaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "routes.h"

/* ---- the list ---- */

/* Where ${index} is, or where it would have to be. */
static size_t ifaces_place(const struct ifaces *s, unsigned index)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->list[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct iface *ifaces_indexed(const struct ifaces *s, unsigned index)
{
	size_t at = ifaces_place(s, index);

	return at < s->count && s->list[at].index == index ? &s->list[at] : NULL;
}

/* Room grows in powers of two, so it is full when the count is one. */
static void *grown(void *list, size_t count, size_t size)
{
	if (count & (count - 1))
		return list;
	return reallocarray(list, count ? 2 * count : 1, size);
}

struct iface *ifaces_add(struct ifaces *s, unsigned index)
{
	size_t at = ifaces_place(s, index);
	struct iface *list;

	if (at < s->count && s->list[at].index == index)
		return &s->list[at];
	list = grown(s->list, s->count, sizeof(*list));
	if (!list)
		return NULL;
	s->list = list;
	memmove(list + at + 1, list + at, (s->count - at) * sizeof(*list));
	memset(&list[at], 0, sizeof(*list));
	list[at].index = index;
	s->count++;
	return &list[at];
}

void ifaces_remove(struct ifaces *s, unsigned index)
{
	struct iface *i = ifaces_indexed(s, index);
	size_t at;

	if (!i)
		return;
	at = (size_t)(i - s->list);
	free(i->addresses);
	memmove(i, i + 1, (s->count - at - 1) * sizeof(*i));
	s->count--;
}

int iface_add_address(struct iface *i, const struct iface_address *a)
{
	struct iface_address *list = grown(i->addresses, i->address_count, sizeof(*list));

	if (!list)
		return -1;
	i->addresses = list;
	list[i->address_count++] = *a;
	return 0;
}

void iface_remove_address(struct iface *i, size_t at)
{
	memmove(i->addresses + at, i->addresses + at + 1, (i->address_count - at - 1) * sizeof(*i->addresses));
	i->address_count--;
}

/* An interface may have an address twice, with two prefixes or two peers. */
struct iface_address *iface_find_address(const struct iface *i, const struct iface_address *a)
{
	for (size_t n = 0; n < i->address_count; n++) {
		struct iface_address *b = &i->addresses[n];

		if (iface_address_same(a, b) && a->prefix == b->prefix && a->has_peer == b->has_peer &&
		    memcmp(a->peer, b->peer, sizeof(a->peer)) == 0)
			return b;
	}
	return NULL;
}

void ifaces_free(struct ifaces *s)
{
	for (size_t n = 0; n < s->count; n++)
		free(s->list[n].addresses);
	free(s->list);
	memset(s, 0, sizeof(*s));
}

/* ---- reading ---- */

static void ifaces_speeds(struct ifaces *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	for (size_t n = 0; n < s->count; n++)
		iface_ioctl_speed(&s->list[n], fd);
	close(fd);
}

int ifaces_read(struct ifaces *s, enum ifaces_source source, struct error *e)
{
	static int (*const readers[])(struct ifaces *, struct error *) = {
	    [IFACES_NETLINK] = ifaces_read_netlink,
	    [IFACES_GETIFADDRS] = ifaces_read_portable,
	    [IFACES_PROC] = ifaces_read_proc,
	};
	struct error why = {.code = ERROR_OK};
	int denied = 0;

	memset(s, 0, sizeof(*s));
	for (enum ifaces_source from = IFACES_NETLINK; from <= IFACES_PROC; from++) {
		if (source != IFACES_ANY && source != from)
			continue;
		errno = 0;
		if (readers[from](s, &why) == 0) {
			s->source = from;
			s->denied = denied;
			ifaces_speeds(s);
			return 0;
		}
		if (from == IFACES_NETLINK)
			denied = errno;
		ifaces_free(s);
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s", why.text);
}

/* ---- questions ---- */

struct iface *ifaces_named(const struct ifaces *s, const char *name)
{
	for (size_t n = 0; n < s->count; n++)
		if (strcmp(s->list[n].name, name) == 0)
			return &s->list[n];
	return NULL;
}

static size_t address_bytes(int family)
{
	return family == AF_INET ? 4 : 16;
}

bool iface_address_same(const struct iface_address *a, const struct iface_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, address_bytes(a->family)) == 0;
}

static const struct iface_address *iface_holds(const struct iface *i, int family, const void *bytes)
{
	for (size_t n = 0; n < i->address_count; n++)
		if (i->addresses[n].family == family &&
		    memcmp(i->addresses[n].bytes, bytes, address_bytes(family)) == 0)
			return &i->addresses[n];
	return NULL;
}

struct iface *ifaces_owner(const struct ifaces *s, int family, const void *bytes)
{
	for (size_t n = 0; n < s->count; n++)
		if (iface_holds(&s->list[n], family, bytes))
			return &s->list[n];
	return NULL;
}

uint32_t ifaces_smallest_mtu(const struct ifaces *s)
{
	uint32_t least = 0;

	for (size_t n = 0; n < s->count; n++) {
		const struct iface *i = &s->list[n];

		if ((i->flags & IFACE_UP) && !(i->flags & IFACE_LOOPBACK) && i->mtu > 0 &&
		    (least == 0 || i->mtu < least))
			least = i->mtu;
	}
	return least;
}

bool iface_is_link_local(const struct iface_address *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool is_loopback(const struct iface_address *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == AF_INET ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool ifaces_usable(const struct iface *i, const struct iface_address *a)
{
	if (!(i->flags & IFACE_UP) || (i->flags & IFACE_LOOPBACK))
		return false;
	if (a->flags & (ADDRESS_TENTATIVE | ADDRESS_DUPLICATE | ADDRESS_DEPRECATED))
		return false;
	return !is_loopback(a) && !iface_is_link_local(a);
}

/* The default route's source, asked for with addresses that are in nobody's network (RFC 5737, 3849). */
static const struct iface_address *primary_by_route(const struct ifaces *s, int family, const struct iface **owner)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct route r;

	inet_pton(AF_INET, "192.0.2.1", &four.sin_addr);
	inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr);
	if (routes_toward(&r, s, family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six, NULL) ||
	    !r.has_source)
		return NULL;
	*owner = ifaces_owner(s, family, r.source);
	return *owner ? iface_holds(*owner, family, r.source) : NULL;
}

const struct iface_address *ifaces_primary(const struct ifaces *s, int family, const struct iface **owner)
{
	const struct iface *own = NULL;
	const struct iface_address *a = primary_by_route(s, family, &own);

	if (a && ifaces_usable(own, a)) {
		if (owner)
			*owner = own;
		return a;
	}
	for (size_t n = 0; n < s->count; n++)
		for (size_t k = 0; k < s->list[n].address_count; k++) {
			a = &s->list[n].addresses[k];
			if (a->family != family || !ifaces_usable(&s->list[n], a))
				continue;
			if (owner)
				*owner = &s->list[n];
			return a;
		}
	return NULL;
}

uint8_t iface_guess_scope(const struct iface_address *a)
{
	if (is_loopback(a))
		return SCOPE_HOST;
	if (iface_is_link_local(a))
		return SCOPE_LINK;
	if (a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0)
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}
