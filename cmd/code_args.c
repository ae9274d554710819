#include "code_args.h"

#include <fcntl.h>

struct named {
	int option;
	const char *name;
};

static int take_fd(struct code_args *c, const struct common_args *a)
{
	int64_t fd;

	if (common_opt_int(a, &fd, 0, 65535))
		return COMMON_USAGE;
	if (fd == 1 || fd == 2)
		return common_bad(a, "nothing can be read from standard output or standard error");
	if (fcntl((int)fd, F_GETFD) < 0)
		return common_bad(a, "this descriptor is not open");
	c->source.fd = (int)fd;
	return 0;
}

int code_args_take(struct code_args *c, int option, const struct common_args *a)
{
	switch (option) {
	case CODE_CODE:
		c->code = true;
		return 0;
	case CODE_FILE:
		c->code = true;
		c->source.file = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case CODE_FD:
		c->code = true;
		return take_fd(c, a);
	case CODE_REMEMBER:
		c->remember = true;
		return 0;
	case CODE_COPY_ID:
		c->copy_id = c->remember = true;
		return 0;
	default:
		return -1;
	}
}

static int without(const struct common_args *a, const char *with, const struct named *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (common_given(a, list[i].option))
			return common_conflict(a->prog, with, list[i].name);
	return 0;
}

/* What proves the peer in another way, or is another way to speak. */
static const struct named instead[] = {{ARGS_PSK_FILE, "--psk-file"}, {ARGS_PROTOCOL, "--protocol"}, {ARGS_WIRE, "--wire"}};

int code_args_check_connect(const struct code_args *c, const struct common_args *a)
{
	static const struct named copying[] = {{'o', "--output"}, {ARGS_SEND_ONLY, "--send-only"}, {ARGS_RECV_ONLY, "--recv-only"},
	    {ARGS_FRAMING, "--framing"}},
				  remembering[] = {{ARGS_ANONYMOUS, "--anonymous"}, {'r', "--remote-key"}};
	const char *asked = c->copy_id ? "--copy-id" : "--remember";

	if (c->remember && !c->code)
		return common_usage(a->prog, c->copy_id ? "--copy-id needs --code"
							: "--remember needs --code: without one, a server's key is remembered anyway");
	if (c->source.file && c->source.fd >= 0)
		return common_conflict(a->prog, "--code-file", "--code-fd");
	if (c->code && without(a, "--code", instead, sizeof instead / sizeof instead[0]))
		return COMMON_USAGE;
	if (c->remember && without(a, asked, remembering, sizeof remembering / sizeof remembering[0]))
		return COMMON_USAGE;
	return c->copy_id ? without(a, asked, copying, sizeof copying / sizeof copying[0]) : 0;
}

int code_args_check_listen(const struct code_args *c, const struct common_args *a, const char *keys, bool many, bool user,
    int accept_option, int64_t *accept_ms)
{
	static const struct named open[] = {{ARGS_ANONYMOUS, "--anonymous"}};

	if (c->remember && !c->code)
		return common_usage(a->prog, "--remember needs --code");
	if (!c->code)
		return 0;
	if (c->remember && user)
		return common_conflict(a->prog, "--remember", "--user");
	if (without(a, "--code", instead, sizeof instead / sizeof instead[0]) || without(a, "--code", open, 1))
		return COMMON_USAGE;
	if (many) /* where it lets in one more than the keys do; its time is not the service's */
		return 0;
	if (keys && !c->remember)
		return common_usage(a->prog, "--authorized-keys and --code cannot be used together, unless --remember is to write there");
	if (!common_given(a, accept_option))
		*accept_ms = CODE_LIFE_MS;
	if (*accept_ms < 1 || *accept_ms > CODE_LIFE_MS)
		return common_usage(a->prog, "--accept-timeout: a code is good for 10 minutes at most");
	return 0;
}

int code_args_identity(const struct code_args *c, const struct stream_args *s, struct error *e)
{
	if (!c->remember || !s->stream.throwaway)
		return 0;
	return error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s: this side has no identity to be remembered: type vault-keygen first",
	    c->copy_id ? "--copy-id" : "--remember");
}
