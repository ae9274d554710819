#include "socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "resolve.h"

#define ATTEMPTS_MAX 16
#define PORT_TRIES 8
#define ATTEMPT_DELAY_MS 250 /* RFC 8305 section 5 */
#define FULL_MS 10

void socket_tune(int fd)
{
	int on = 1;

	/* Fails on Unix sockets, which have no delay. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void socket_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int socket_new(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

socklen_t socket_unix_address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* ---- connect ---- */

struct attempts {
	struct pollfd fds[ATTEMPTS_MAX];
	const struct addrinfo *addresses[ATTEMPTS_MAX];
	int count;
	int error; /* errno of the last that failed */
	struct error source; /* why the source address does not fit, if that is all there is to say */
};

static int bind_source(int fd, int family, const struct socket_options *o, struct error *e)
{
	struct socket_options local = {
	    .family = family, .numeric = o->numeric, .interrupted = o->interrupted, .owner = o->owner};
	struct addrinfo *ai;
	int on = 1, rc;

	if (!o->source && o->source_port == 0)
		return 0;
	ai = resolve(o->source, o->source_port, &local, clock_ms() + 10000, e);
	if (!ai)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	rc = bind(fd, ai->ai_addr, ai->ai_addrlen);
	if (rc < 0)
		error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot bind to source %s port %u: %s",
		    o->source ? o->source : "*", o->source_port, strerror(errno));
	freeaddrinfo(ai);
	return rc;
}

static int too_late(struct error *e)
{
	return error_set(e, ERROR_TIMEOUT, BLAME_PEER, "timeout: no connection in time (see --handshake-timeout)");
}

/* A Unix socket whose queue is full says so at once, and nothing tells when there is room. 0 or -1, also if somebody
 * does not want to wait any longer (then ${e} is set, too). */
static int join_queue(int fd, const struct addrinfo *ai, const struct socket_options *o, int64_t deadline, struct error *e)
{
	int rc;

	while ((rc = connect(fd, ai->ai_addr, ai->ai_addrlen)) < 0 && errno == EAGAIN && ai->ai_family == AF_UNIX) {
		if (o->interrupted && o->interrupted(o->owner))
			return error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted");
		if (deadline >= 0 && clock_ms() >= deadline)
			return too_late(e);
		(void)poll(NULL, 0, FULL_MS);
	}
	return rc < 0 && errno != EINPROGRESS ? -1 : 0;
}

/* Start one attempt. 0 also if it failed at once (then a->error says why). */
static int begin(struct attempts *a, const struct addrinfo *ai, const struct socket_options *o, int64_t deadline,
    struct error *e)
{
	int fd = socket_new(ai->ai_family);

	if (fd < 0) {
		a->error = errno;
		return 0;
	}
	if (bind_source(fd, ai->ai_family, o, &a->source) < 0) {
		/* It may be of the other family; another address of the peer may fit. */
		close(fd);
		return a->source.code == ERROR_TRUNCATED ? error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted") : 0;
	}
	if (join_queue(fd, ai, o, deadline, e) < 0) {
		a->error = errno;
		close(fd);
		return e->code == ERROR_OK ? 0 : -1;
	}
	a->addresses[a->count] = ai;
	a->fds[a->count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
	return 0;
}

static void forget(struct attempts *a, int i)
{
	close_keeping_errno(a->fds[i].fd);
	a->count--;
	a->fds[i] = a->fds[a->count];
	a->addresses[i] = a->addresses[a->count];
}

/* The index of an attempt that has connected, or -1. Those that failed are dropped. */
static int winner(struct attempts *a)
{
	for (int i = a->count - 1; i >= 0; i--) {
		int so_error = 0;
		socklen_t len = sizeof so_error;

		if (a->fds[i].revents == 0)
			continue;
		if (getsockopt(a->fds[i].fd, SOL_SOCKET, SO_ERROR, &so_error, &len) < 0)
			so_error = errno;
		if (so_error == 0)
			return i;
		a->error = so_error;
		forget(a, i);
	}
	return -1;
}

/* 0, or -1 (e set) if somebody does not want to wait any longer. */
static int poll_until(struct attempts *a, int64_t until, const struct socket_options *o, struct error *e)
{
	for (;;) {
		int64_t left = until < 0 ? SOCKET_SLICE_MS : until - clock_ms();
		int n = poll(a->fds, (nfds_t)a->count, left < 0 ? 0 : left > SOCKET_SLICE_MS ? SOCKET_SLICE_MS : (int)left);

		if (o->interrupted && o->interrupted(o->owner))
			return error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted");
		if (n > 0 || (until >= 0 && clock_ms() >= until))
			return 0;
		if (n < 0 && errno != EINTR) {
			a->error = errno;
			return 0;
		}
	}
}

/* The race of RFC 8305 over a list. Returns the winner's index, or -1 (e set on a timeout). */
static int race(struct attempts *a, const struct addrinfo *next, const struct socket_options *o,
    int64_t deadline, struct error *e)
{
	for (;;) {
		int64_t until = deadline, now = clock_ms();
		int won;

		if (next && a->count < ATTEMPTS_MAX) {
			if (begin(a, next, o, deadline, e) < 0)
				return -1;
			next = next->ai_next;
			until = next && (deadline < 0 || now + ATTEMPT_DELAY_MS < deadline) ? now + ATTEMPT_DELAY_MS
											  : deadline;
		}
		if (a->count == 0 && !next)
			return -1;
		if (a->count > 0 && poll_until(a, until, o, e) < 0)
			return -1;
		won = winner(a);
		if (won >= 0)
			return won;
		if (deadline >= 0 && clock_ms() >= deadline)
			return too_late(e);
	}
}

static int connect_list(const struct addrinfo *list, const struct address *to,
    const struct socket_options *o, int64_t deadline, char peer[ADDRESS_TEXTMAX], struct error *e)
{
	struct attempts a = {.error = 0};
	char text[ADDRESS_TEXTMAX];
	int won = race(&a, list, o, deadline, e), fd = -1;

	if (won >= 0) {
		fd = a.fds[won].fd;
		address_of(peer, a.addresses[won]->ai_addr, a.addresses[won]->ai_addrlen);
		a.fds[won].fd = -1;
	} else if (a.error == 0 && a.source.code != ERROR_OK)
		error_set(e, a.source.code, a.source.blame, "%s", a.source.text);
	else
		error_set(e, ERROR_NETWORK, BLAME_PEER, "cannot connect to %s: %s", address_text(text, to),
		    strerror(a.error));
	for (int i = 0; i < a.count; i++)
		if (a.fds[i].fd >= 0)
			close(a.fds[i].fd);
	return fd;
}

static int connect_unix(const struct address *a, const struct socket_options *o, int64_t deadline,
    char peer[ADDRESS_TEXTMAX], struct error *e)
{
	struct sockaddr_un un;
	struct addrinfo ai = {.ai_family = AF_UNIX, .ai_addr = (struct sockaddr *)&un};
	struct socket_options plain = {.family = o->family, .interrupted = o->interrupted, .owner = o->owner};

	ai.ai_addrlen = socket_unix_address(&un, a->host);
	return connect_list(&ai, a, &plain, deadline, peer, e);
}

int socket_connect(const struct address *a, const struct socket_options *o, int64_t deadline,
    char peer[ADDRESS_TEXTMAX], struct error *e)
{
	struct addrinfo *list;
	int fd;

	if (a->is_unix)
		return connect_unix(a, o, deadline, peer, e);
	list = resolve(a->host, a->port, o, deadline, e);
	if (!list)
		return -1;
	fd = connect_list(list, a, o, deadline, peer, e);
	freeaddrinfo(list);
	if (fd >= 0)
		socket_tune(fd);
	return fd;
}

/* ---- listen ---- */

static int listen_one(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket_new(sa->sa_family), on = 1;

	if (fd < 0)
		return -1;
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Each family has a socket of its own, whatever the system's default is. */
	if (sa->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, sa, len) < 0 || listen(fd, SOCKET_BACKLOG) < 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

static void set_port(struct sockaddr *sa, uint16_t port)
{
	if (sa->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
	else if (sa->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
}

static void note_first(struct socket_listeners *l)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	if (getsockname(l->fds[0], (struct sockaddr *)&ss, &len) == 0)
		address_numeric((struct sockaddr *)&ss, len, l->host, &l->port);
	l->is_unix = ss.ss_family == AF_UNIX;
}

void socket_adopt(struct socket_listeners *l, const int *fds, int count)
{
	memset(l, 0, sizeof *l);
	memcpy(l->fds, fds, (size_t)count * sizeof *fds);
	l->count = count;
	note_first(l);
}

static int listen_list(struct socket_listeners *l, const struct addrinfo *list, uint16_t port)
{
	int failed = 0;

	for (; list && l->count < SOCKET_LISTENMAX; list = list->ai_next) {
		int fd;

		set_port(list->ai_addr, l->count > 0 ? l->port : port);
		fd = listen_one(list->ai_addr, list->ai_addrlen);
		/* A machine without IPv6 (or IPv4) still listens with what it has. */
		if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
			failed = errno;
			continue;
		}
		if (fd < 0)
			return -1;
		l->fds[l->count++] = fd;
		if (l->count == 1)
			note_first(l);
	}
	if (l->count == 0)
		errno = failed;
	return l->count > 0 ? 0 : -1;
}

/* This machine's own addresses, of both families. */
static int listen_loopback(struct socket_listeners *l, uint16_t port, int family)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct addrinfo six = {.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&v6, .ai_addrlen = sizeof v6};
	struct addrinfo four = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&v4, .ai_addrlen = sizeof v4,
	    .ai_next = family == AF_INET ? NULL : &six};

	return listen_list(l, family == AF_INET6 ? &six : &four, port);
}

static int listen_inet(struct socket_listeners *l, const struct address *a, const struct addrinfo *list, uint16_t port,
    int family)
{
	return a->loopback ? listen_loopback(l, port, family) : listen_list(l, list, port);
}

/* Is somebody listening on this path? A socket left behind by a killed process refuses. */
static bool stale(const struct sockaddr_un *un, socklen_t len)
{
	struct stat st;
	int fd, rc;

	if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket_new(AF_UNIX);
	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)un, len);
	rc = rc < 0 && errno == ECONNREFUSED;
	close(fd);
	return rc;
}

static int listen_unix(struct socket_listeners *l, const char *path)
{
	struct sockaddr_un un;
	struct stat st;
	socklen_t len = socket_unix_address(&un, path);
	int fd = listen_one((struct sockaddr *)&un, len);

	if (fd < 0 && errno == EADDRINUSE && stale(&un, len) && unlink(path) == 0)
		fd = listen_one((struct sockaddr *)&un, len);
	if (fd < 0)
		return -1;
	l->fds[l->count++] = fd;
	memcpy(l->host, path, strlen(path) + 1);
	memcpy(l->unix_path, path, strlen(path) + 1);
	l->is_unix = true;
	if (lstat(path, &st) == 0) {
		l->unix_dev = st.st_dev;
		l->unix_ino = st.st_ino;
	}
	return 0;
}

int socket_listen(struct socket_listeners *l, const struct address *a, const struct socket_options *o,
    struct error *e)
{
	struct addrinfo *list = NULL;
	char text[ADDRESS_TEXTMAX];
	int rc;

	memset(l, 0, sizeof *l);
	if (a->is_unix) {
		rc = listen_unix(l, a->host);
	} else {
		if (!a->loopback && (list = resolve(a->any_host ? NULL : a->host, a->port, o, -1, e)) == NULL)
			return -1;
		rc = listen_inet(l, a, list, a->port, o->family);
		/* The port that the system chose for one family may be taken in the other. */
		for (int tries = 0; rc < 0 && a->port == 0 && errno == EADDRINUSE && tries < PORT_TRIES; tries++) {
			socket_unlisten(l);
			rc = listen_inet(l, a, list, 0, o->family);
		}
		if (list)
			freeaddrinfo(list);
	}
	if (rc == 0)
		return 0;
	error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot listen on %s: %s", address_text(text, a), strerror(errno));
	socket_unlisten(l);
	return -1;
}

void socket_unlisten(struct socket_listeners *l)
{
	struct stat st;

	for (int i = 0; i < l->count; i++)
		close(l->fds[i]);
	l->count = 0;
	/* Ours only: somebody may have put another in its place. */
	if (l->unix_path[0] != '\0' && lstat(l->unix_path, &st) == 0 && st.st_dev == l->unix_dev &&
	    st.st_ino == l->unix_ino)
		(void)unlink(l->unix_path);
	l->unix_path[0] = '\0';
}
