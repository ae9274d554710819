#include "handshake.h"

#include <string.h>

#include "bigendian.h"
#include "handshake_code.h"
#include "handshake_policy.h"

#define MAGIC_LEN 4

static void fail(struct handshake *h, enum error_code code, enum error_blame blame, const char *text)
{
	error_set(&h->error, code, blame, "%s", text);
	h->step = HANDSHAKE_FAILED;
	noise_free(&h->noise);
	pake_free(&h->pake);
	secret_wipe(h->psk, sizeof h->psk);
}

bool handshake_initiator_last(const struct noise_protocol *p)
{
	return noise_protocol_messages(p) % 2 == 1;
}

static void put(struct handshake *h, const uint8_t *bytes, size_t n)
{
	memcpy(h->out + h->out_len, bytes, n);
	h->out_len += n;
}

/* Queue a refusal in the form that fits what the peer reads next. */
static void refuse(struct handshake *h, enum handshake_refusal code)
{
	uint8_t unit[5] = {0};
	bool as_frame = h->started && handshake_initiator_last(&h->protocol) &&
	    h->completed + 1 >= noise_protocol_messages(&h->protocol);
	size_t header = as_frame ? 4 : 2;

	if (h->config.raw)
		return;
	unit[header] = (uint8_t)code;
	put(h, unit, header + 1);
	h->refusal = code;
}

void handshake_refuse(struct handshake *h, enum handshake_refusal code)
{
	if (h->step == HANDSHAKE_FAILED || h->step == HANDSHAKE_DONE)
		return;
	refuse(h, code);
	fail(h, ERROR_NETWORK, BLAME_LOCAL, "busy");
}

/* Write the next Noise message, behind its length. */
static int write_message(struct handshake *h)
{
	uint8_t *at = h->out + h->out_len;
	size_t room = sizeof h->out - h->out_len, n = 0, header = h->config.raw ? 0 : 2;
	int rc = NOISE_E_LENGTH;

	if (room > header)
		rc = noise_write(&h->noise, NULL, 0, at + header, room - header, &n);
	if (rc != NOISE_OK || n > HANDSHAKE_MAXMSG) {
		fail(h, ERROR_PROTOCOL, BLAME_LOCAL, noise_strerror(rc));
		return -1;
	}
	if (header > 0)
		be_put16(at, (uint16_t)n);
	h->out_len += header + n;
	h->completed++;
	return 0;
}

/* Static keys are X25519; for a 448 pattern, and where none is given, one is made for the run. */
static int own_static(struct handshake *h, struct noise_keys *keys, uint8_t secret[DH_MAX], uint8_t pub[DH_MAX])
{
	if (h->protocol.dh == DH_25519 && h->config.static_secret) {
		keys->static_secret = h->config.static_secret;
		keys->static_public = h->config.static_public;
		return 0;
	}
	h->throwaway = true;
	keys->static_secret = secret;
	keys->static_public = pub;
	return dh_keypair(h->protocol.dh, h->config.rng, secret, pub);
}

static int start_noise(struct handshake *h, const uint8_t *prologue, size_t n)
{
	uint8_t secret[DH_MAX], pub[DH_MAX];
	const uint8_t *psk = h->coded ? h->psk : h->config.psk;
	struct noise_keys keys = {
	    .prologue = prologue,
	    .prologue_len = n,
	    .remote_static = h->protocol.dh == DH_25519 ? h->config.remote_static : NULL,
	    .psks = (const uint8_t (*)[NOISE_PSKBYTES])psk,
	    .psk_count = psk ? 1 : 0,
	};
	int rc = own_static(h, &keys, secret, pub);

	if (h->config.psks && !h->coded) {
		keys.psks = h->config.psks->keys;
		keys.psk_choices = h->config.psks->count;
	}
	if (rc == 0)
		rc = noise_start(&h->noise, &h->protocol, h->config.initiator, &keys, h->config.rng);
	secret_wipe(secret, sizeof secret);
	secret_wipe(h->psk, sizeof h->psk);
	if (rc == NOISE_E_UNBUILT)
		error_set(&h->error, ERROR_USAGE, BLAME_LOCAL, "%s needs libcrypto, which is not there", h->protocol.name);
	if (rc != 0) {
		fail(h, rc == NOISE_E_KEY ? ERROR_USAGE : ERROR_PROTOCOL, BLAME_LOCAL, noise_strerror(rc));
		return -1;
	}
	h->started = true;
	return 0;
}

static size_t make_prologue(const struct noise_protocol *p, uint8_t out[5 + NOISE_MAXNAME])
{
	size_t n = strlen(p->name);

	memcpy(out, HANDSHAKE_MAGIC, MAGIC_LEN);
	out[MAGIC_LEN] = (uint8_t)n;
	memcpy(out + MAGIC_LEN + 1, p->name, n);
	return MAGIC_LEN + 1 + n;
}

/* After a message either way: write what is ours to write, stop where the caller must act. */
static void advance(struct handshake *h)
{
	for (;;) {
		enum noise_action action = noise_action(&h->noise);
		bool known = noise_remote_static(&h->noise) != NULL;

		if (h->config.initiator && !h->judged && h->completed > 1 &&
		    (known || action == NOISE_SPLIT)) {
			h->step = HANDSHAKE_JUDGE;
			return;
		}
		if (action == NOISE_SPLIT) {
			h->step = HANDSHAKE_DONE;
			return;
		}
		h->step = HANDSHAKE_MORE;
		if (action != NOISE_WRITE || write_message(h) < 0)
			return;
	}
}

int handshake_start(struct handshake *h, const struct handshake_config *config)
{
	uint8_t prologue[5 + NOISE_MAXNAME];
	size_t n;

	memset(h, 0, sizeof *h);
	h->config = *config;
	if (!config->initiator && !config->raw)
		return 0;
	h->protocol = config->protocol;
	n = config->raw ? 0 : make_prologue(&h->protocol, prologue);
	put(h, prologue, n);
	h->coded = config->code != NULL;
	if (h->coded) {
		if (handshake_code_ask(h, prologue, n) < 0)
			fail(h, ERROR_PROTOCOL, BLAME_LOCAL, "the code cannot be used");
		return h->step == HANDSHAKE_FAILED ? -1 : 0;
	}
	if (start_noise(h, prologue, n) < 0)
		return -1;
	advance(h);
	return h->step == HANDSHAKE_FAILED ? -1 : 0;
}

void handshake_judged(struct handshake *h)
{
	h->judged = true;
	if (h->step == HANDSHAKE_JUDGE)
		advance(h);
}

static void refuse_policy(struct handshake *h, const char *why)
{
	refuse(h, REFUSE_POLICY);
	error_set(&h->error, ERROR_AUTH, BLAME_AUTH, "the peer asked for %s, which is not allowed here (%s)", h->protocol.name, why);
	fail(h, ERROR_AUTH, BLAME_AUTH, "");
}

/* The responder's view of a protocol name; 0, or -1 after answering with a refusal. */
static int choose(struct handshake *h, const uint8_t *name, size_t n)
{
	int rc = noise_protocol_parse(&h->protocol, (const char *)name, n);

	if (rc != NOISE_OK || noise_protocol_one_way(&h->protocol)) {
		refuse(h, REFUSE_UNKNOWN);
		if (rc == NOISE_E_UNBUILT)
			error_set(&h->error, ERROR_AUTH, BLAME_AUTH,
			    "the peer asked for %s, which needs libcrypto, and that is not there", h->protocol.name);
		fail(h, ERROR_AUTH, BLAME_AUTH, "the peer asked for an unknown Noise protocol");
		return -1;
	}
	if (!handshake_allowed(h)) {
		refuse_policy(h, handshake_why_not(h));
		return -1;
	}
	return 0;
}

/* A Noise message from the peer did not open. */
static void unreadable(struct handshake *h, int rc)
{
	bool psk = noise_protocol_psk_count(&h->protocol) > 0;

	if (rc != NOISE_E_DECRYPT) {
		error_set(&h->error, ERROR_PROTOCOL, BLAME_PEER, "handshake message from the peer: %s",
		    noise_strerror(rc));
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "");
		return;
	}
	if (!h->config.initiator)
		refuse(h, REFUSE_KEYS);
	if (h->coded && !h->config.initiator)
		handshake_code_wrong(h);
	if (h->coded)
		fail(h, ERROR_AUTH, BLAME_AUTH, "the handshake failed: the peer does not know the code (or it was forged)");
	else if (psk)
		fail(h, ERROR_AUTH, BLAME_AUTH,
		    "the handshake failed: the two sides have different pre-shared keys (or it was forged): compare both --psk-file");
	else if (!h->config.initiator && noise_protocol_needs_remote(&h->protocol, true))
		fail(h, ERROR_AUTH, BLAME_AUTH,
		    "the peer expects another key of this side than the one in use: give it the new one (vault-keygen -y)");
	else
		fail(h, ERROR_AUTH, BLAME_AUTH, "the handshake failed: forged or damaged on the way; try again");
}

static void read_message(struct handshake *h, const uint8_t *msg, size_t n)
{
	uint8_t payload[HANDSHAKE_MAXMSG];
	size_t plen = 0;
	int rc = noise_read(&h->noise, msg, n, payload, sizeof payload, &plen);

	secret_wipe(payload, plen);
	if (rc != NOISE_OK) {
		unreadable(h, rc);
		return;
	}
	if (plen > 0) {
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's handshake message has a payload, which vault/1 does not allow");
		return;
	}
	h->completed++;
	advance(h);
}

/* Is it all libsodium's, which any thread may call? (Others are loaded at their first use.) */
static bool any_thread(const struct noise_protocol *p)
{
	return p->dh == DH_25519 && p->hash != HASH_BLAKE2S && (p->cipher == AEAD_CHACHAPOLY || aead_hardware_aes());
}

/*
 * A whole message is at hand: shall another thread have it? Not where a code is at stake, whose guesses all handshakes
 * count together.
 */
static bool put_off(struct handshake *h)
{
	if (!h->config.puts_off || h->working || h->coded || !any_thread(&h->protocol))
		return false;
	h->step = HANDSHAKE_HEAVY;
	return true;
}

/* The hello of an initiator with a code, whose share is behind the name. */
static size_t feed_code(struct handshake *h, const uint8_t *in, size_t n, size_t head)
{
	size_t len = head + CODE_TAIL;

	if (n > head + 2 && in[head + 2] != CODE_KIND) {
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's hello has an extension that is unknown here");
		return n;
	}
	if (n < len)
		return 0;
	h->coded = true;
	if (handshake_code_answer(h, in, len) < 0)
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's share of the code's exchange is no valid point");
	return len;
}

/* The responder's share, or its refusal; the initiator's guess goes out. */
static size_t take_share(struct handshake *h, const uint8_t *in, size_t m)
{
	if (m != PAKE_SHARE)
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's share of the code's exchange has a wrong length");
	else if (handshake_code_take(h, in + 2) < 0)
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's share of the code's exchange is no valid point");
	else if (start_noise(h, h->prologue, h->prologue_len) == 0)
		advance(h);
	return 2 + m;
}

/* Message 1 of an initiator with a code: a guess, which counts before it is looked at. */
static size_t take_guess(struct handshake *h, const uint8_t *in, size_t m)
{
	if (!handshake_code_guess(h)) {
		refuse(h, REFUSE_KEYS);
		fail(h, ERROR_AUTH, BLAME_AUTH, "a code was tried that is dead: for a new one start again");
	} else if (start_noise(h, h->prologue, h->prologue_len) == 0) {
		read_message(h, in + 2, m);
		if (h->completed > 0)
			handshake_code_right(h);
	}
	return 2 + m;
}

/* The responder's first unit: the whole hello. Returns bytes used, 0 if incomplete. */
static size_t feed_hello(struct handshake *h, const uint8_t *in, size_t n)
{
	size_t have = n < MAGIC_LEN ? n : MAGIC_LEN, name_len, head, m;

	if (memcmp(in, HANDSHAKE_MAGIC, have) != 0) {
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer does not speak vault/1");
		return n;
	}
	if (n < MAGIC_LEN + 1)
		return 0;
	name_len = in[MAGIC_LEN];
	head = MAGIC_LEN + 1 + name_len;
	if (n < head)
		return 0;
	if (h->protocol.name[0] == '\0' && choose(h, in + MAGIC_LEN + 1, name_len) < 0)
		return n;
	if (n < head + 2)
		return 0;
	m = be_get16(in + head);
	if ((h->protocol.psks & 1) && (m == 0) != (h->config.code != NULL)) {
		refuse_policy(h, h->config.code ? "this side wants its one-time code: connect with --code"
						: "it has a code, this side has no --code");
		return n;
	}
	if (m == 0 && (h->protocol.psks & 1) && h->config.code)
		return feed_code(h, in, n, head);
	if (m == 0 || m > HANDSHAKE_MAXMSG) {
		fail(h, ERROR_PROTOCOL, BLAME_PEER, "the peer's first handshake message has a wrong length");
		return n;
	}
	if (n < head + 2 + m || put_off(h))
		return 0;
	if (start_noise(h, in, head) == 0)
		read_message(h, in + head + 2, m);
	return head + 2 + m;
}

static size_t feed_message(struct handshake *h, const uint8_t *in, size_t n)
{
	size_t m;

	if (n < 2)
		return 0;
	m = be_get16(in);
	if (m == 0 && h->config.initiator) {
		if (n < 3)
			return 0;
		h->refusal = in[2];
		handshake_told(&h->config, &h->protocol, in[2], &h->error);
		fail(h, ERROR_NETWORK, BLAME_PEER, "");
		return 3;
	}
	if (m == 0 || m > HANDSHAKE_MAXMSG) {
		fail(h, ERROR_PROTOCOL, BLAME_PEER,
		    "not vault/1: the peer's handshake message has a wrong length");
		return n;
	}
	if (n < 2 + m)
		return 0;
	if (h->exchanging)
		return h->config.initiator ? take_share(h, in, m) : take_guess(h, in, m);
	if (put_off(h))
		return 0;
	read_message(h, in + 2, m);
	return 2 + m;
}

/* A raw message: its length is what the pattern says. */
static size_t feed_raw(struct handshake *h, const uint8_t *in, size_t n)
{
	size_t m = noise_protocol_message_len(&h->protocol, h->completed);

	if (n < m || put_off(h))
		return 0;
	read_message(h, in, m);
	return m;
}

static size_t feed_unit(struct handshake *h, const uint8_t *in, size_t n)
{
	if (h->config.raw)
		return feed_raw(h, in, n);
	return h->started || h->exchanging ? feed_message(h, in, n) : feed_hello(h, in, n);
}

size_t handshake_feed(struct handshake *h, const uint8_t *in, size_t n)
{
	size_t used = 0;

	while (h->step == HANDSHAKE_MORE && used < n) {
		size_t k = feed_unit(h, in + used, n - used);

		if (k == 0)
			break;
		used += k;
	}
	return used;
}

size_t handshake_work(struct handshake *h, const uint8_t *in, size_t n)
{
	size_t used;

	if (h->step != HANDSHAKE_HEAVY)
		return 0;
	h->step = HANDSHAKE_MORE;
	h->working = true;
	used = feed_unit(h, in, n);
	h->working = false;
	return used;
}

void handshake_lend(struct handshake *h, struct handshake *to)
{
	*to = *h;
	secret_wipe(&h->noise, sizeof h->noise);
}

void handshake_return(struct handshake *h, struct handshake *from)
{
	*h = *from;
	secret_wipe(from, sizeof *from);
}

void handshake_free(struct handshake *h)
{
	noise_free(&h->noise);
	secret_wipe(h, sizeof *h);
}
