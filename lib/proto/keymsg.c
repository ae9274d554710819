#include "keymsg.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "bigendian.h"
#include "jsonwalk.h"

#define B64_KEY 45 /* 32 bytes in base64, with a NUL */
#define B64_SIG 89
#define B64_SID 13
#define VARIANT sodium_base64_VARIANT_ORIGINAL

/* ---- reading ---- */

enum member { M_ENC = 1, M_SIGN = 2, M_SIGNATURE = 4, M_PORT = 8, M_TS = 16, M_SID = 32, M_TO = 64, M_CAPS = 128, M_SIG2 = 256 };

struct reading {
	struct keymsg *m;
	unsigned seen;
	uint8_t signature[64 + 88], sig2[64];
	bool signature_good;
	size_t capslen, capscount;
};

static bool get_bytes(const struct jsonwalk *v, uint8_t *out, size_t n)
{
	char text[256];
	size_t len;
	int got = jsonwalk_string(v, text, sizeof text);

	return got >= 0 && sodium_base642bin(out, n, text, (size_t)got, NULL, &len, NULL, VARIANT) == 0 && len == n;
}

static bool get_cap(void *ctx, const struct jsonwalk *v)
{
	struct reading *r = ctx;
	char *at = r->m->caps + r->capslen;
	int n;

	if (++r->capscount > KEYMSG_CAPS)
		return false;
	if (r->capslen > 0) {
		if (r->capslen + 2 > sizeof r->m->caps)
			return false;
		*at++ = ',';
		r->capslen++;
	}
	n = jsonwalk_string(v, at, sizeof r->m->caps - r->capslen);
	/* A comma inside would make two readings of what is signed. */
	if (n <= 0 || memchr(at, ',', (size_t)n))
		return false;
	r->capslen += (size_t)n;
	return true;
}

static bool get_to(struct reading *r, const struct jsonwalk *v)
{
	if (v->kind == JSONWALK_STRING && v->len == 2)
		return true;
	r->m->has_to = true;
	return get_bytes(v, r->m->to, 32);
}

static bool get_port(struct keymsg *m, const struct jsonwalk *v)
{
	/* Another type than an integer counts as none, as upstream has it; but a number must be a port. */
	if (v->kind != JSONWALK_INTEGER)
		return true;
	m->has_port = true;
	m->port = (uint16_t)v->integer;
	return v->integer >= 1 && v->integer <= 65535;
}

static bool get_member(void *ctx, const char *name, size_t len, const struct jsonwalk *v)
{
	static const struct {
		const char *name;
		enum member member;
	} names[] = {{"enc_key", M_ENC}, {"sign_key", M_SIGN}, {"signature", M_SIGNATURE}, {"port", M_PORT}, {"ts", M_TS},
	    {"sid", M_SID}, {"to", M_TO}, {"caps", M_CAPS}, {"sig2", M_SIG2}};
	struct reading *r = ctx;
	struct keymsg *m = r->m;
	unsigned which = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (jsonwalk_named(name, len, names[i].name))
			which = names[i].member;
	if (r->seen & which)
		return false;
	r->seen |= which;
	switch (which) {
	case M_ENC:
		return get_bytes(v, m->enc, 32);
	case M_SIGN:
		return get_bytes(v, m->sign, 32);
	case M_SIGNATURE:
		r->signature_good = get_bytes(v, r->signature, sizeof r->signature);
		return true;
	case M_PORT:
		return get_port(m, v);
	case M_TS:
		m->ts = (uint64_t)v->integer;
		return v->kind == JSONWALK_INTEGER && v->integer >= 0;
	case M_SID:
		return get_bytes(v, m->sid, sizeof m->sid);
	case M_TO:
		return get_to(r, v);
	case M_CAPS:
		return v->kind == JSONWALK_ARRAY && jsonwalk_array(v->text, v->len, get_cap, r);
	case M_SIG2:
		return get_bytes(v, r->sig2, sizeof r->sig2);
	default:
		return true;
	}
}

static bool parse(struct reading *r, struct keymsg *m, const char *json, size_t n)
{
	const unsigned ours = M_TS | M_SID | M_TO | M_CAPS | M_SIG2;

	memset(m, 0, sizeof *m);
	*r = (struct reading){.m = m};
	if (!jsonwalk_object(json, n, get_member, r) || (r->seen & (M_ENC | M_SIGN)) != (M_ENC | M_SIGN))
		return false;
	m->native = (r->seen & M_SIG2) != 0;
	return !m->native || ((r->seen & ours) == ours && m->has_port);
}

enum keymsg_fault keymsg_read(struct keymsg *m, const char *json, size_t n)
{
	struct reading r;

	return parse(&r, m, json, n) ? KEYMSG_OK : KEYMSG_E_FORM;
}

/* ---- signatures ---- */

#define SIGNED2_MAX (16 + 32 + 32 + 2 + 8 + KEYMSG_SID + 32 + KEYMSG_CAPS_MAX)

/* What sig2 is a signature of. */
static size_t signed2(const struct keymsg *m, uint8_t out[SIGNED2_MAX])
{
	uint8_t *at = out;
	size_t caps = strlen(m->caps);

	memcpy(at, "vault-udp key 2", 16);
	memcpy(at += 16, m->enc, 32);
	memcpy(at += 32, m->sign, 32);
	be_put16(at += 32, m->port);
	be_put64(at += 2, m->ts);
	memcpy(at += 8, m->sid, KEYMSG_SID);
	at += KEYMSG_SID;
	memset(at, 0, 32);
	if (m->has_to)
		memcpy(at, m->to, 32);
	memcpy(at += 32, m->caps, caps);
	return (size_t)(at - out) + caps;
}

/* The 88 characters that upstream signs. */
static void signed1(char out[2 * B64_KEY], const uint8_t enc[32], const uint8_t sign[32])
{
	sodium_bin2base64(out, B64_KEY, enc, 32, VARIANT);
	sodium_bin2base64(out + B64_KEY - 1, B64_KEY, sign, 32, VARIANT);
}

void keymsg_sign(char out[KEYMSG_SIGNATURE], const uint8_t enc[32], const uint8_t sign[32], const uint8_t secret[64])
{
	uint8_t whole[64 + 88];
	char text[2 * B64_KEY];

	signed1(text, enc, sign);
	crypto_sign_detached(whole, NULL, (const uint8_t *)text, 88, secret);
	memcpy(whole + 64, text, 88);
	sodium_bin2base64(out, KEYMSG_SIGNATURE, whole, sizeof whole, VARIANT);
}

static bool weak(const struct keymsg *m)
{
	static const uint8_t any[32] = {9, 1};
	uint8_t out[32];

	return crypto_core_ed25519_is_valid_point(m->sign) == 0 || crypto_scalarmult(out, any, m->enc) != 0;
}

enum keymsg_fault keymsg_verify(const struct keymsg *m, const char *json, size_t n)
{
	struct keymsg again;
	struct reading r;
	char text[2 * B64_KEY];
	uint8_t ours[SIGNED2_MAX];

	if (!parse(&r, &again, json, n))
		return KEYMSG_E_FORM;
	if (weak(m))
		return KEYMSG_E_KEY;
	if (!r.signature_good)
		return KEYMSG_E_SIGNATURE;
	signed1(text, m->enc, m->sign);
	if (memcmp(r.signature + 64, text, 88) != 0)
		return KEYMSG_E_TEXT;
	if (crypto_sign_verify_detached(r.signature, r.signature + 64, 88, m->sign) != 0)
		return KEYMSG_E_SIGNATURE;
	if (m->native && crypto_sign_verify_detached(r.sig2, ours, signed2(m, ours), m->sign) != 0)
		return KEYMSG_E_SIGNATURE;
	return KEYMSG_OK;
}

/* ---- writing ---- */

/* ["one","two"] */
static void caps_json(const struct keymsg *m, char out[KEYMSG_CAPS_MAX * 3 + 8])
{
	char *at = out;

	*at++ = '[';
	if (m->caps[0])
		*at++ = '"';
	for (const char *c = m->caps; *c; c++) {
		if (*c == ',') {
			memcpy(at, "\",\"", 3);
			at += 3;
		} else
			*at++ = *c;
	}
	if (m->caps[0])
		*at++ = '"';
	*at++ = ']';
	*at = '\0';
}

size_t keymsg_write(const struct keymsg *m, const uint8_t secret[64], char *out, size_t cap)
{
	char enc[B64_KEY], sign[B64_KEY], signature[KEYMSG_SIGNATURE], to[B64_KEY] = "", sid[B64_SID], sig2[B64_SIG];
	char caps[KEYMSG_CAPS_MAX * 3 + 8];
	uint8_t ours[SIGNED2_MAX], raw[64];
	int n, more = 0;

	sodium_bin2base64(enc, sizeof enc, m->enc, 32, VARIANT);
	sodium_bin2base64(sign, sizeof sign, m->sign, 32, VARIANT);
	keymsg_sign(signature, m->enc, m->sign, secret);
	n = snprintf(out, cap, "{\"enc_key\":\"%s\",\"sign_key\":\"%s\",\"signature\":\"%s\",\"port\":%u", enc, sign, signature,
	    m->port);
	if (n < 0 || (size_t)n + 2 > cap)
		return 0;
	if (m->native) {
		crypto_sign_detached(raw, NULL, ours, signed2(m, ours), secret);
		sodium_bin2base64(sig2, sizeof sig2, raw, sizeof raw, VARIANT);
		sodium_bin2base64(sid, sizeof sid, m->sid, sizeof m->sid, VARIANT);
		if (m->has_to)
			sodium_bin2base64(to, sizeof to, m->to, 32, VARIANT);
		caps_json(m, caps);
		more = snprintf(out + n, cap - (size_t)n, ",\"ts\":%llu,\"sid\":\"%s\",\"to\":\"%s\",\"caps\":%s,\"sig2\":\"%s\"",
		    (unsigned long long)m->ts, sid, to, caps, sig2);
	}
	if (more < 0 || (size_t)(n + more) + 2 > cap)
		return 0;
	memcpy(out + n + more, "}", 2);
	return (size_t)(n + more) + 1;
}

bool keymsg_can(const struct keymsg *m, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = m->caps; *at;) {
		size_t len = strcspn(at, ",");

		if (len == n && memcmp(at, name, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}
