#include "probe.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "jsontext.h"
#include "log.h"
#include "printable.h"

static int put_json(json_t *o)
{
	int rc = o ? json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) : -1;

	json_decref(o);
	if (rc == 0 && putchar('\n') != EOF)
		return 0;
	log_error("cannot write JSON to standard output");
	return error_status(ERROR_IO);
}

int probe_print(struct conn *c, const struct judge_server *j, bool is_25519, bool json)
{
	const struct session_peer *peer = session_peer(&c->session);
	char text[KEYTEXT_MAX], print[FINGERPRINT_MAX], software[PARAMS_SOFTWARE * 4];
	struct key k;

	judge_peer_key(peer, is_25519, &k);
	judge_peer_text(peer, is_25519, text);
	if (k.form == KEY_NONE || key_fingerprint(print, &k) != KEYTEXT_OK)
		snprintf(print, sizeof print, "-");
	printable(software, sizeof software, peer->software, strlen(peer->software));
	if (json)
		return put_json(json_pack("{s:i, s:o, s:o, s:s*, s:s*, s:b, s:s, s:f, s:s, s:i}", "v", 1, "name", jsontext(j->name), "address",
		    jsontext(c->peer), "key", k.form == KEY_NONE ? NULL : text, "fingerprint", k.form == KEY_NONE ? NULL : print, "throwaway",
		    peer->throwaway, "protocol", c->session.protocol.name, "rtt_ms", conn_rtt_ms(c), "software", software, "status", 0));
	printf("%s key %s\n%s fingerprint %s\n%s protocol %s\n%s rtt %.3f ms\n", j->name, text, j->name, print, j->name,
	    c->session.protocol.name, j->name, conn_rtt_ms(c));
	if (peer->throwaway)
		printf("%s throw-away key\n", j->name);
	return 0;
}

void probe_print_error(const struct judge_server *j, const struct error *e)
{
	(void)put_json(json_pack("{s:i, s:o, s:s, s:o, s:i}", "v", 1, "name", jsontext(j->name), "error", error_name(e->code), "message",
	    jsontext(e->text), "status", error_status(e->code)));
}
