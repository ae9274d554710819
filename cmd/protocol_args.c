#include "protocol_args.h"

#include "common.h"
#include "run/protocol.h"

int protocol_args_check(const struct stream_args *s, const char *prog)
{
	for (size_t i = 0; i < s->protocol_count; i++) {
		const char *name = s->protocols[i];
		struct noise_protocol p;
		struct error e = {0};

		if (protocol_parse(&p, name, &e) < 0)
			return common_usage(prog, "--protocol: %s", e.text);
		if (noise_protocol_psk_count(&p) > 0 && !s->psk_file)
			return common_usage(prog, "--protocol %s needs --psk-file", name);
		if (noise_protocol_psk_count(&p) == 0 && s->psk_file)
			return common_usage(prog,
			    "--psk-file and --protocol %s cannot be used together: the pattern has no psk", name);
		if (noise_protocol_needs_remote(&p, false))
			return common_usage(prog,
			    "--protocol %s: a listener does not know its client's key beforehand; use an I or X pattern", name);
		if (p.dh == DH_448 && noise_protocol_needs_static(&p, false) && noise_protocol_needs_remote(&p, true))
			return common_usage(prog, "--protocol %s: identities are X25519, nobody could know a 448 key", name);
	}
	return 0;
}

int protocol_args_psks(const struct stream_args *s, struct error *e)
{
	for (size_t i = 0; s->psks && s->psks->count > 1 && i < s->protocol_count; i++) {
		struct noise_protocol p;

		if (protocol_parse(&p, s->protocols[i], e) < 0)
			return -1;
		if (!noise_protocol_finds_psk(&p, false))
			return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--protocol %s: this side writes with the pre-shared key before it can know "
			    "which of the %zu in %s the client has; use psk0, psk1 or psk3, or a file with one key", s->protocols[i],
			    s->psks->count, s->psk_file);
	}
	return 0;
}
