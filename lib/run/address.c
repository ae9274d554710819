#include "address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(struct error *e, const char *what, const char *text)
{
	return error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s: '%s'", what, text);
}

static bool all_digits(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static int parse_port(struct address *a, const char *text, struct error *e)
{
	unsigned long n;

	if (!all_digits(text) || strlen(text) > 6)
		return bad(e, "not a port number", text);
	n = strtoul(text, NULL, 10);
	if (n > 65535)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "port '%s' is out of range 0..65535", text);
	a->port = (uint16_t)n;
	a->has_port = true;
	return 0;
}

static int set_host(struct address *a, const char *host, size_t n, struct error *e)
{
	if (n >= sizeof a->host)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "host name of %zu characters is too long", n);
	memcpy(a->host, host, n);
	a->host[n] = '\0';
	a->any_host = n == 0;
	return 0;
}

static int parse_unix(struct address *a, const char *path, const char *port, struct error *e)
{
	if (port)
		return bad(e, "a Unix socket has no port, so what is this", port);
	if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "the path of a Unix socket has at most %zu bytes: '%s'",
		    sizeof((struct sockaddr_un *)0)->sun_path - 1, path);
	a->is_unix = true;
	return set_host(a, path, strlen(path), e);
}

/* "[v6]" or "[v6]:port" */
static int parse_bracket(struct address *a, const char *text, const char *port, struct error *e)
{
	const char *end = strchr(text, ']');

	if (!end)
		return bad(e, "']' is missing", text);
	if (end == text + 1)
		return bad(e, "HOST is empty", text);
	if (set_host(a, text + 1, (size_t)(end - text - 1), e) < 0)
		return -1;
	if (end[1] == ':' && !port)
		return parse_port(a, end + 2, e);
	if (end[1] != '\0')
		return bad(e, "unexpected characters behind ']'", text);
	return port ? parse_port(a, port, e) : 0;
}

int address_parse(struct address *a, const char *host, const char *port, bool lone_port, struct error *e)
{
	const char *colon;

	memset(a, 0, sizeof *a);
	a->any_host = true;
	if (!host)
		return 0;
	/* Who writes nothing for it, as an unset variable does, did not mean all addresses. */
	if (host[0] == '\0')
		return bad(e, "HOST is empty", host);
	if (host[0] == '/')
		return parse_unix(a, host, port, e);
	if (host[0] == '[')
		return parse_bracket(a, host, port, e);
	if (port) {
		if (set_host(a, host, strlen(host), e) < 0)
			return -1;
		return parse_port(a, port, e);
	}
	if (lone_port && all_digits(host))
		return parse_port(a, host, e);
	colon = strrchr(host, ':');
	/* More than one colon and no bracket: an IPv6 address without a port. */
	if (colon && strchr(host, ':') == colon) {
		if (set_host(a, host, (size_t)(colon - host), e) < 0)
			return -1;
		return parse_port(a, colon + 1, e);
	}
	return set_host(a, host, strlen(host), e);
}

static char *host_port(char out[ADDRESS_TEXTMAX], const char *host, unsigned port)
{
	bool v6 = strchr(host, ':') != NULL;

	snprintf(out, ADDRESS_TEXTMAX, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
	return out;
}

char *address_text(char out[ADDRESS_TEXTMAX], const struct address *a)
{
	if (a->is_unix) {
		snprintf(out, ADDRESS_TEXTMAX, "%s", a->host);
		return out;
	}
	return host_port(out, a->loopback ? "localhost" : a->any_host ? "*" : a->host, a->port);
}

void address_numeric(const struct sockaddr *sa, socklen_t len, char host[ADDRESS_HOSTMAX], uint16_t *port)
{
	char service[16] = "0";

	*port = 0;
	snprintf(host, ADDRESS_HOSTMAX, "?");
	if (sa->sa_family == AF_UNIX) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)sa;
		size_t n = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;

		snprintf(host, ADDRESS_HOSTMAX, "%.*s", (int)n, n > 0 && un->sun_path[0] ? un->sun_path : "");
		return;
	}
	if (getnameinfo(sa, len, host, ADDRESS_HOSTMAX, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		*port = (uint16_t)strtoul(service, NULL, 10);
}

char *address_of(char out[ADDRESS_TEXTMAX], const struct sockaddr *sa, socklen_t len)
{
	char host[ADDRESS_HOSTMAX];
	uint16_t port;

	address_numeric(sa, len, host, &port);
	if (sa->sa_family == AF_UNIX) {
		snprintf(out, ADDRESS_TEXTMAX, "%s", host[0] ? host : "a local client");
		return out;
	}
	return host_port(out, host, port);
}
