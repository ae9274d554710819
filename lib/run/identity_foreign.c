/* identity, in the formats of other programs. */
#include <sodium.h>
#include <string.h>

#include "crypto/keyforeign.h"
#include "crypto/secret.h"
#include "identity.h"
#include "printable.h"

#define IMPORT_MAX 8192 /* bytes: more than any format has */

/* One of the formats that are the 32 bytes. */
static int import_bare(struct key *k, enum key_format format, const char *text, size_t len, const char *name,
    struct error *e)
{
	uint8_t point[KEY_BYTES];
	struct key plain;
	int rc = 0;

	if (keyformat_decode(k->bytes, format, text, len))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: not a key: expected %s and nothing else", name,
		    keyformat_expected(format));
	if (sodium_is_zero(k->bytes, KEY_BYTES))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: all bytes are zero; this is no secret", name);
	if (k->form == KEY_XSECRET) {
		plain = *k;
		rc = key_x25519_secret(k->bytes, &plain);
		secret_wipe(&plain, sizeof(plain));
	} else if (k->form == KEY_PUBLIC || k->form == KEY_XPUBLIC) {
		rc = key_x25519_public(point, k);
	}
	return rc ? error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", name, keytext_strerror(rc)) : 0;
}

static int import_foreign(struct key *k, char comment[KEYFILE_COMMENT_MAX], enum key_format format, const char *text,
    size_t len, const char *name, struct error *e)
{
	bool public = k->form == KEY_PUBLIC || k->form == KEY_XPUBLIC;
	char plain[KEYFOREIGN_COMMENT_MAX];
	int rc = keyforeign_parse(k, plain, format, public, text, len);

	if (rc)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: not a %s key in the format %s: %s", name, public ? "public" : "secret",
		    keyformat_names[format], keyforeign_strerror(rc));
	printable(comment, KEYFILE_COMMENT_MAX, plain, strlen(plain));
	return 0;
}

int identity_import(struct key *k, char comment[KEYFILE_COMMENT_MAX], enum key_format format, int fd,
    const char *name, struct error *e)
{
	char *text = secret_alloc(IMPORT_MAX);
	size_t len;
	int rc = -1;

	comment[0] = '\0';
	if (!text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", name);
	if (keyfile_slurp(fd, name, text, IMPORT_MAX, &len, e) == 0)
		rc = keyforeign_is(format) ? import_foreign(k, comment, format, text, len, name, e)
					   : import_bare(k, format, text, len, name, e);
	secret_free(text);
	return rc;
}

int identity_export(struct key *out, enum key_part part, bool public, const struct key *k, const char *name,
    struct error *e)
{
	bool xonly = k->form == KEY_XSECRET || k->form == KEY_XPUBLIC;
	int rc;

	if (k->form == KEY_PSK && !public) {
		*out = *k;
		return 0;
	}
	if (part == PART_NONE)
		part = xonly ? PART_X25519 : PART_ED25519;
	if (k->form == KEY_PSK)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: a pre-shared key has no public part", name);
	if (!public && (k->form == KEY_PUBLIC || k->form == KEY_XPUBLIC))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is only a public key in it", name);
	if (xonly && part == PART_ED25519)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: an X25519-only key has no ed25519 part",
		    name);
	if (part == PART_ED25519)
		out->form = public ? KEY_PUBLIC : KEY_SECRET;
	else
		out->form = public ? KEY_XPUBLIC : KEY_XSECRET;
	rc = keyformat_part(out->bytes, part, public, k);
	return rc ? error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", name, keytext_strerror(rc)) : 0;
}
