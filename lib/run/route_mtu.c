#include "route_mtu.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static bool is_loopback(const struct sockaddr_storage *own)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)own;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)own;

	if (own->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return own->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

unsigned route_mtu(const struct sockaddr *sa, socklen_t len, bool *loopback)
{
	struct sockaddr_storage own = {0};
	socklen_t ownlen = sizeof own;
	int mtu = 0, fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
#ifdef IP_MTU
	socklen_t n = sizeof mtu;
#endif

	if (loopback)
		*loopback = false;
	if (fd < 0)
		return 0;
	if (connect(fd, sa, len) < 0) {
		close(fd);
		return 0;
	}
	if (loopback && getsockname(fd, (struct sockaddr *)&own, &ownlen) == 0)
		*loopback = is_loopback(&own);
#ifdef IP_MTU
	if (getsockopt(fd, sa->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, sa->sa_family == AF_INET6 ? IPV6_MTU : IP_MTU,
		&mtu, &n) < 0)
		mtu = 0;
#endif
	close(fd);
	return mtu > 0 ? (unsigned)mtu : 0;
}
