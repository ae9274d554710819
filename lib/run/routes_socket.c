/* routes, what a connected socket tells of them: on every system, and in every sandbox of ours. */
#include "routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

union place {
	struct sockaddr sa;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* The socket's MTU is that of the route, with what the kernel has learnt of the path. */
static uint32_t mtu_of(int fd, int family)
{
#if defined(IP_MTU) && defined(IPV6_MTU)
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (getsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, family == AF_INET ? IP_MTU : IPV6_MTU, &mtu, &len) == 0 &&
	    mtu > 0)
		return (uint32_t)mtu;
#else
	(void)fd;
	(void)family;
#endif
	return 0;
}

int routes_by_socket(struct route *r, const struct sockaddr *to)
{
	union place own = {.sa.sa_family = AF_UNSPEC}, peer;
	bool four = to->sa_family == AF_INET;
	socklen_t size = four ? sizeof(own.four) : sizeof(own.six), len = sizeof(own);
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), why;

	memset(r, 0, sizeof(*r));
	memcpy(&peer, to, size);
	peer.four.sin_port = htons(9); /* of both families, at the same place */
	if (fd < 0)
		return -1;
	if (connect(fd, &peer.sa, size) || getsockname(fd, &own.sa, &len)) {
		why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	r->family = to->sa_family;
	r->mtu = mtu_of(fd, r->family);
	memcpy(r->source, four ? (const void *)&own.four.sin_addr : &own.six.sin6_addr, four ? 4 : 16);
	r->has_source = r->no_hops = true;
	close(fd);
	return 0;
}

bool route_is_loopback(const struct route *r)
{
	static const uint8_t one[16] = {[15] = 1};

	return r->has_source && (r->family == AF_INET ? r->source[0] == 127 : memcmp(r->source, one, sizeof(one)) == 0);
}
