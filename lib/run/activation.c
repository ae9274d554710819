#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3

static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

/* -1 if it is not there or no number. */
static long number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 ? n : -1;
}

/* What is wrong with it, or NULL. */
static const char *check(int fd)
{
	int type = 0, listens = 0, flags;
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof type, ss_len = sizeof ss;

	if (fcntl(fd, F_GETFD) < 0)
		return "it is not open";
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return "it is not a socket";
	len = sizeof listens;
	if (type != SOCK_STREAM)
		return "it is not a stream socket";
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens)
		return "it does not listen (Accept=yes is not for this program)";
	if (getsockname(fd, (struct sockaddr *)&ss, &ss_len) < 0 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6 && ss.ss_family != AF_UNIX))
		return "it is neither IPv4 nor IPv6 nor a Unix socket";
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return strerror(errno);
	return NULL;
}

/* The next of the names, which colons separate: is it the one of the control socket? */
static bool is_control(const char **names)
{
	size_t n = *names ? strcspn(*names, ":") : 0;
	bool it_is = n == strlen(ACTIVATION_CONTROL) && strncmp(*names, ACTIVATION_CONTROL, n) == 0;

	if (*names)
		*names += (*names)[n] == ':' ? n + 1 : n;
	return it_is;
}

static int take(struct activation *a, long count, const char *names, struct error *e)
{
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
		const char *wrong = check(fd);

		if (wrong)
			return error_set(e, ERROR_USAGE, BLAME_LOCAL, "LISTEN_FDS: descriptor %d: %s", fd, wrong);
		if (!is_control(&names))
			a->fds[a->count++] = fd;
		else if (a->control >= 0)
			return error_set(e, ERROR_USAGE, BLAME_LOCAL, "LISTEN_FDNAMES: more than one '" ACTIVATION_CONTROL "'");
		else
			a->control = fd;
	}
	return 0;
}

int activation_take(struct activation *a, struct error *e)
{
	long count = number("LISTEN_FDS");
	bool ours = number("LISTEN_PID") == (long)getpid(), given = getenv("LISTEN_FDS") != NULL;
	int rc = 0;

	memset(a, 0, sizeof *a);
	a->control = -1;
	if (ours && given && (count < 0 || count > SOCKET_LISTENMAX))
		rc = error_set(e, ERROR_USAGE, BLAME_LOCAL, "LISTEN_FDS: not a number from 0 to %d", SOCKET_LISTENMAX);
	else if (ours && count > 0)
		rc = take(a, count, getenv("LISTEN_FDNAMES"), e);
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		unsetenv(variables[i]);
	return rc;
}
