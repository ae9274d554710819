#include "announce.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jsontext.h"
#include "log.h"

void announce_add_address(json_t *o, const struct socket_listeners *at)
{
	if (at->is_unix) {
		json_object_set_new(o, "path", jsontext(at->host));
		return;
	}
	json_object_set_new(o, "address", json_string(at->host));
	json_object_set_new(o, "port", json_integer(at->port));
}

char *announce_key(char out[KEYTEXT_MAX], const struct listener_options *o)
{
	struct key public;

	if (key_public(&public, o->stream.identity) != KEYTEXT_OK)
		memset(&public, 0, sizeof public);
	keytext_format(out, &public);
	return out;
}

int announce_listening(int fd, const char *key, const struct socket_listeners *at, struct error *e)
{
	json_t *told = json_pack("{s:i, s:s}", "v", 1, "event", "listening");
	char *line;
	size_t n;
	ssize_t put;

	announce_add_address(told, at);
	if (key)
		json_object_set_new(told, "key", json_string(key));
	line = json_dumps(told, JSON_COMPACT);
	json_decref(told);
	if (!line)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--ready-fd: cannot say where this listens");
	n = strlen(line);
	line[n] = '\n'; /* in place of the NUL: one write, one line */
	put = write(fd, line, n + 1);
	free(line);
	if (close(fd) < 0 || put != (ssize_t)n + 1)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--ready-fd %d: %s", fd, strerror(errno));
	return 0;
}

int announce_ready(const struct listener_options *o, const struct socket_listeners *at, struct error *e)
{
	char key[KEYTEXT_MAX];

	return announce_listening(o->ready_fd, announce_key(key, o), at, e);
}

void announce_people(const struct listener_options *o, const struct socket_listeners *at)
{
	char print[FINGERPRINT_MAX];

	if (o->open_warning)
		log_warn("warning: anyone who can reach this may connect: give --authorized-keys or --psk-file (or --anonymous, if that is meant)");
	if (key_fingerprint(print, o->stream.identity) != KEYTEXT_OK)
		print[0] = '\0';
	if (at->is_unix)
		log_info(1, "listening on %s, key fingerprint %s", at->host, print);
	else
		log_info(1, "listening on %s port %u, key fingerprint %s", at->host, at->port, print);
}
