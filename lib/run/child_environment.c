/* What a command is told about its client. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "address.h"
#include "child.h"
#include "judge.h"
#include "printable.h"

static void add(char *out, size_t *n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What does not fit is left out. */
static void add(char *out, size_t *n, const char *format, ...)
{
	size_t room = CHILD_ENVIRONMENT_MAX - *n;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(out + *n, room, format, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < room)
		*n += (size_t)len + 1;
}

/* A Unix socket has a path at this end, and nothing at the other. */
static void add_address(char *out, size_t *n, const char *side, int fd,
    int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[ADDRESS_HOSTMAX] = "";
	uint16_t port = 0;

	if (ask(fd, (struct sockaddr *)&ss, &len) == 0)
		address_numeric((struct sockaddr *)&ss, len, host, &port);
	add(out, n, "VTOOLS_%s_ADDR=%s", side, host);
	if (port > 0)
		add(out, n, "VTOOLS_%s_PORT=%u", side, port);
	else
		add(out, n, "VTOOLS_%s_PORT=", side);
}

size_t child_environment(char out[CHILD_ENVIRONMENT_MAX], const struct conn *conn, const char *label)
{
	const struct session_peer *peer = session_peer(&conn->session);
	bool is_25519 = conn->session.protocol.dh == DH_25519;
	char key[KEYTEXT_MAX];
	size_t n = 0;

	add_address(out, &n, "REMOTE", conn->fd, getpeername);
	add_address(out, &n, "LOCAL", conn->fd, getsockname);
	add(out, &n, "VTOOLS_PEER_KEY=%s", peer->has_key && is_25519 ? judge_peer_text(peer, is_25519, key) : "");
	add(out, &n, "VTOOLS_PEER_NAME=%s", label);
	add(out, &n, "VTOOLS_PEER_PSK=%s", peer->has_psk ? peer->psk.name : "");
	add(out, &n, "VTOOLS_PROTOCOL=%s", conn->session.protocol.name);
	return n;
}
