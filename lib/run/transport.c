#include "transport.h"

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifdef __linux__

#include <linux/sockios.h>
#include <linux/tcp.h>

size_t transport_unacked(int fd)
{
	int left = 0;

	return ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0 ? (size_t)left : 0;
}

double transport_rtt_ms(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_rtt > 0)
		return (double)info.tcpi_rtt / 1000;
	return -1;
}

int64_t transport_network_us(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0; /* a Unix socket: there is nothing but the peer */
	if (len < offsetof(struct tcp_info, tcpi_rwnd_limited) + sizeof info.tcpi_rwnd_limited)
		return INT64_MAX;
	return (int64_t)(info.tcpi_busy_time - info.tcpi_rwnd_limited);
}

void transport_pace(int fd, uint64_t rate)
{
	unsigned long wish = (unsigned long)rate;

	(void)setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &wish, sizeof wish);
}

#else

size_t transport_unacked(int fd)
{
	(void)fd;
	return 0;
}

double transport_rtt_ms(int fd)
{
	(void)fd;
	return -1;
}

int64_t transport_network_us(int fd)
{
	(void)fd;
	return INT64_MAX;
}

void transport_pace(int fd, uint64_t rate)
{
	(void)fd;
	(void)rate;
}

#endif
