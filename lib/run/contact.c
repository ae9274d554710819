#include "contact.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "code.h"
#include "log.h"
#include "protocol.h"
#include "pskfile.h"

bool contact_is_25519(const struct contact *k)
{
	return k->protocol.dh == DH_25519;
}

/* ---- which protocol ---- */

static bool raw(const struct contact *k)
{
	return k->o->wire != &wire_vault1;
}

int contact_choose(struct contact *k, struct error *e)
{
	struct client_options *o = k->o;
	const char *name = o->protocol;

	k->looking = false;
	k->has_expected = judge_server_expected(&o->judge, k->expected);
	if (!name)
		name = o->stream.code ? "XXpsk0" : o->stream.psk ? "XXpsk3" : k->has_expected ? "IK" : "XX";
	if ((raw(k) ? protocol_parse_raw(&k->protocol, o->protocol, e) : protocol_parse(&k->protocol, name, e)) < 0)
		return -1;
	name = o->protocol ? o->protocol : k->protocol.name;
	if (noise_protocol_psk_count(&k->protocol) > 0 && !o->stream.psk && !o->stream.code)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--protocol %s needs --psk-file", name);
	if (noise_protocol_psk_count(&k->protocol) == 0 && o->stream.psk)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--psk-file and --protocol %s cannot be used together: the pattern has no psk",
		    name);
	if (noise_protocol_needs_remote(&k->protocol, true) && k->protocol.dh != DH_25519)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--protocol %s: identities are X25519, nobody could know a 448 key", name);
	if (noise_protocol_needs_remote(&k->protocol, true) && !k->has_expected)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--protocol %s needs the server's X25519 key: give --remote-key", name);
	if (noise_protocol_needs_remote(&k->protocol, false))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL,
		    "--protocol %s: listeners do not know a client's key beforehand; use an I or X pattern", name);
	if (o->judge.pinned && (!noise_protocol_peer_has_static(&k->protocol, true) || k->protocol.dh != DH_25519))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--remote-key and --protocol %s cannot be used together: the server shows no such key",
		    name);
	return 0;
}

int contact_look(struct contact *k, struct error *e)
{
	k->looking = true;
	return protocol_parse(&k->protocol, "XX", e);
}

bool contact_wants_known_key(const struct contact *k)
{
	return k->has_expected && !k->o->stream.psk && noise_protocol_needs_remote(&k->protocol, true);
}

bool contact_key_was_wrong(const struct contact *k, const struct session *s)
{
	return s->refusal == REFUSE_KEYS && contact_wants_known_key(k);
}

/* ---- set-up ---- */

void contact_needs(const struct contact *k, struct sandbox_needs *needs)
{
	struct judge_server *j = &k->o->judge;

	if (!contact_is_25519(k) || !noise_protocol_peer_has_static(&k->protocol, true) || !judge_server_prepare(j))
		return;
	if (j->fresh >= 0)
		needs->arrival = j->known_hosts;
	else
		needs->append = j->known_hosts;
}

void contact_configure(const struct contact *k, struct session_config *config, int64_t deadline)
{
	config->handshake.initiator = true;
	config->handshake.protocol = config->raw_protocol = k->protocol;
	config->handshake.remote_static = k->has_expected ? k->expected : NULL;
	/* Whoever is met for the first time gets nothing before the key is remembered, or its lack warned of. */
	config->wait_ready = !k->has_expected;
	if (deadline < 0)
		return;
	config->handshake_ms = deadline - clock_ms();
	if (config->handshake_ms < 1)
		config->handshake_ms = 1;
}

/* ---- the server's key ---- */

void contact_judge(const struct contact *k, struct conn *conn)
{
	char why[JUDGE_TEXTMAX];
	const struct session_peer *peer = session_peer(&conn->session);
	const char *refusal;

	refusal = judge_server_verdict(&k->o->judge, peer, contact_is_25519(k), why);
	if (k->looking && !refusal) {
		snprintf(why, sizeof why, "%s could not read the first message although it has the expected key: it was changed "
		    "on its way; try again", k->o->judge.name);
		refusal = why;
	}
	session_judge(&conn->session, refusal);
	conn_update(conn);
}

int contact_ready(const struct contact *k, struct conn *conn)
{
	const struct session_peer *peer = session_peer(&conn->session);
	char text[KEYTEXT_MAX], why[JUDGE_TEXTMAX], said[PSKFILE_SAID];
	const char *refusal;

	log_info(1, "%s: connected with %s, peer key %s%s", conn->peer, conn->session.protocol.name,
	    judge_peer_text(peer, contact_is_25519(k), text), pskfile_said(said, peer));
	if (k->o->stream.code)
		code_spend(k->o->stream.code);
	refusal = judge_server_ready(&k->o->judge, peer, contact_is_25519(k), why);
	if (!refusal)
		return 0;
	session_abort(&conn->session, CLOSE_INTERRUPTED, ERROR_AUTH, refusal);
	return -1;
}
