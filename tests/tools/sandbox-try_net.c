#include "sandbox-try_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox-try_linux.h"

int net_none(int fd)
{
	if (fd < 0)
		return -1;
	return close(fd);
}

static struct sockaddr_in here(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void net_prepare(void)
{
	struct sockaddr_in any = here("0");

	made.tcp = socket(AF_INET, SOCK_STREAM, 0);
	made.udp = socket(AF_INET, SOCK_DGRAM, 0);
	made.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(made.listening, (struct sockaddr *)&any, sizeof any) < 0 || listen(made.listening, 1) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, made.pair) < 0) {
		perror("sandbox-try");
		exit(1);
	}
}

/* socket:FAMILY:TYPE:PROTOCOL, all as numbers or one of the names below; what is not given is 0. */
static int number_of(const char *text)
{
	static const struct {
		const char *name;
		int value;
	} names[] = {{"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}, {"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM},
	    {"raw", SOCK_RAW}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"mptcp", 262}};

	for (size_t i = 0; text && i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].value;
	return text ? atoi(text) : 0;
}

int net_socket(void)
{
	return net_none(socket(number_of(arg[0]), number_of(arg[1]), number_of(arg[2])));
}

int net_connect(void)
{
	struct sockaddr_in to = here(arg[0]);

	return connect(made.tcp, (struct sockaddr *)&to, sizeof to);
}

int net_bind(void)
{
	struct sockaddr_in at = here(arg[0]);

	return bind(made.tcp, (struct sockaddr *)&at, sizeof at);
}

int net_listen(void)
{
	return listen(made.tcp, 1);
}

/* Nobody is there: to be told so is to be allowed. */
int net_accept(void)
{
	return accept4(made.listening, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN ? 0 : -1;
}

int net_send(void)
{
	return send(made.pair[0], "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int net_sendto(void)
{
	struct sockaddr_in to = here("9");

	return sendto(made.udp, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1 ? 0 : -1;
}

/* A connection without connect(2): TCP Fast Open, from a socket that listened. */
static int fast_open(int fd, int (*give)(int fd, struct msghdr *m))
{
	struct sockaddr_in to = here(arg[0]);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};

	return give(fd, &m) < 0 && errno != EINPROGRESS ? -1 : 0;
}

static int give_msg(int fd, struct msghdr *m)
{
	return (int)sendmsg(fd, m, LINUX_FASTOPEN);
}

static int give_to(int fd, struct msghdr *m)
{
	return (int)sendto(fd, m->msg_iov->iov_base, 1, LINUX_FASTOPEN, m->msg_name, m->msg_namelen);
}

int net_fast_listener(void)
{
	(void)shutdown(made.listening, SHUT_RD);
	return fast_open(made.listening, give_msg);
}

int net_fast_msg(void)
{
	return fast_open(made.tcp, give_msg);
}

int net_fast_to(void)
{
	return fast_open(made.tcp, give_to);
}

int net_fast_many(void)
{
	return fast_open(made.tcp, linux_fast_many);
}

int net_tune(void)
{
	int on = 1;

	return setsockopt(made.tcp, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

int net_tune_ip(void)
{
	int ttl = 64;

	return setsockopt(made.tcp, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
}

int net_resolve(void)
{
	struct addrinfo *list;
	int rc = getaddrinfo(arg[0], NULL, NULL, &list);

	if (rc == 0)
		freeaddrinfo(list);
	else if (rc != EAI_SYSTEM)
		errno = ENOENT;
	return rc == 0 ? 0 : -1;
}

/* The C library asks for the interface's name, and can do without. */
int net_linklocal(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 1};
	char text[128];

	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	return getnameinfo((struct sockaddr *)&in6, sizeof in6, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 ? 0 : -1;
}
