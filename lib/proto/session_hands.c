/* The handshake inside a session: what the stream wires have in common. */
#include <string.h>

#include "wire.h"

int session_start_hands(struct session *s)
{
	struct handshake_config config = s->config->handshake;
	int rc;

	config.raw = !s->wire->tells;
	if (config.raw && !config.initiator)
		config.protocol = s->config->raw_protocol;
	s->shaking = true;
	rc = handshake_start(&s->desk->handshake, &config);
	if (s->desk->handshake.out_len > 0 && session_queue(s, s->desk->handshake.out, s->desk->handshake.out_len) < 0)
		rc = -1;
	s->desk->handshake.out_len = 0;
	if (rc < 0)
		error_set(&s->error, s->desk->handshake.error.code, s->desk->handshake.error.blame, "%s", s->desk->handshake.error.text);
	return rc;
}

static void learn_key(struct session *s)
{
	const uint8_t *rs = noise_remote_static(&s->desk->handshake.noise);

	if (rs && noise_protocol_peer_has_static(&s->desk->handshake.protocol, s->config->handshake.initiator)) {
		s->peer.has_key = true;
		memcpy(s->peer.key, rs, dh_len(s->desk->handshake.protocol.dh));
	}
}

static void learn_psk(struct session *s)
{
	const struct handshake *h = &s->desk->handshake;
	int chosen = noise_chosen_psk(&h->noise);

	if (chosen >= 0)
		s->peer.psk = h->config.psks->about[chosen];
	else if (h->config.psk && h->config.psk_about && !h->coded)
		s->peer.psk = *h->config.psk_about;
	else
		return;
	s->peer.has_psk = noise_protocol_psk_count(&h->protocol) > 0;
}

static void flush_handshake(struct session *s)
{
	if (session_queue(s, s->desk->handshake.out, s->desk->handshake.out_len) < 0)
		session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "no room for the handshake");
	s->desk->handshake.out_len = 0;
}

/* The handshake is complete: from here on there are records. */
static bool enter_run(struct session *s)
{
	int rc;

	s->protocol = s->desk->handshake.protocol;
	memcpy(s->handshake_hash, noise_hash(&s->desk->handshake.noise), hash_len(s->protocol.hash));
	learn_key(s);
	learn_psk(s);
	s->peer.by_code = s->desk->handshake.coded;
	s->throwaway |= s->desk->handshake.throwaway;
	rc = noise_split(&s->desk->handshake.noise, &s->tx, &s->rx);
	handshake_free(&s->desk->handshake);
	s->shaking = false;
	if (rc != NOISE_OK) {
		session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "%s", noise_strerror(rc));
		return false;
	}
	s->phase = PHASE_RUN;
	return true;
}

bool session_shake_hands(struct session *s)
{
	struct handshake *h = &s->desk->handshake;

	s->in_head += handshake_feed(h, s->in + s->in_head, s->in_tail - s->in_head);
	if (h->out_len > 0)
		flush_handshake(s);
	s->protocol = h->protocol;
	s->refusal = h->refusal;
	if (h->step == HANDSHAKE_FAILED)
		session_fail(s, 0, h->error.code, h->error.blame, "%s", h->error.text);
	else if (h->step == HANDSHAKE_JUDGE) {
		learn_key(s);
		s->judging = true;
	} else if (h->step == HANDSHAKE_DONE && s->phase == PHASE_HANDSHAKE)
		return enter_run(s);
	return false;
}

/* ---- the expensive part, elsewhere ---- */

bool session_is_heavy(const struct session *s)
{
	return s->phase == PHASE_HANDSHAKE && s->shaking && s->desk->handshake.step == HANDSHAKE_HEAVY;
}

void session_work_take(struct session *s, struct session_work *w)
{
	size_t n = s->in_tail - s->in_head;

	w->len = n < sizeof w->message ? n : sizeof w->message;
	w->used = 0;
	memcpy(w->message, s->in + s->in_head, w->len);
	handshake_lend(&s->desk->handshake, &w->handshake);
	s->lent = true;
}

void session_work_do(struct session_work *w)
{
	w->used = handshake_work(&w->handshake, w->message, w->len);
}

void session_work_back(struct session *s, struct session_work *w)
{
	if (!s->lent || !session_is_heavy(s)) {
		session_work_drop(w);
		return;
	}
	s->lent = false;
	s->in_head += w->used;
	handshake_return(&s->desk->handshake, &w->handshake);
	session_process(s);
}

void session_work_drop(struct session_work *w)
{
	handshake_free(&w->handshake);
}
