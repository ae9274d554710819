/* keygen: keys in the formats of other programs. */
#include <string.h>
#include <unistd.h>

#include "crypto/keyforeign.h"
#include "crypto/secret.h"
#include "keygen.h"

/* ---- import ---- */

int keygen_import(const struct keygen_opts *o, struct key *k, char comment[KEYFILE_COMMENT_MAX], struct error *e)
{
	bool x;

	if (identity_import(k, comment, o->import, STDIN_FILENO, "standard input", e))
		return -1;
	x = k->form == KEY_XPUBLIC || k->form == KEY_XSECRET;
	if (o->part && x != (o->part == PART_X25519))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "standard input: an %s key, and --part says %s",
		    keyformat_parts[x ? PART_X25519 : PART_ED25519], keyformat_parts[o->part]);
	return 0;
}

int keygen_import_public(struct keygen_opts *o, struct error *e)
{
	struct key k = {.form = o->part == PART_X25519 ? KEY_XPUBLIC : KEY_PUBLIC};
	char comment[KEYFILE_COMMENT_MAX];
	struct identity_facts facts;
	bool print = !o->file || strcmp(o->file, "-") == 0;

	if (keygen_import(o, &k, comment, e) ||
	    identity_facts(&facts, &k, o->comment ? o->comment : comment, e))
		return -1;
	if (!print && identity_write_public(o->file, &k, facts.comment, o->force, e))
		return -1;
	if (o->json)
		return common_json_print(keygen_facts(&facts), e);
	keygen_line(&facts, false);
	return 0;
}

/* ---- export ---- */

static int export_print(const struct keygen_opts *o, const struct key *k, const char *comment, struct error *e)
{
	enum key_part part = k->form == KEY_PUBLIC || k->form == KEY_SECRET ? PART_ED25519 : PART_X25519;
	char *text = secret_alloc(KEYFOREIGN_TEXT_MAX);
	int rc = 0;

	if (!text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!keyforeign_is(o->export))
		keyformat_encode(text, o->export, k->bytes);
	else if (keyforeign_format(text, o->export, k, comment, &secret_rng))
		rc = error_set(e, ERROR_IO, BLAME_LOCAL, "%s has no such keys", keyformat_names[o->export]);
	if (rc == 0 && o->json)
		rc = common_json_print(
		    json_pack("{s:i, s:s, s:s, s:b, s:s}", "v", 1, "format", keyformat_names[o->export], "part",
			k->form == KEY_PSK ? "psk" : keyformat_parts[part], "secret", !o->public, "key", text),
		    e);
	else if (rc == 0 && o->export == FORMAT_RAW)
		fwrite(k->bytes, 1, KEY_BYTES, stdout);
	else if (rc == 0)
		printf("%s%s", text, keyforeign_is(o->export) ? "" : "\n");
	secret_free(text);
	return rc;
}

/* A locked key is opened only if its secret is wanted. */
static int export_read(struct keyfile_found **f, struct keygen_opts *o, const char *path, struct error *e)
{
	struct key *psk;

	*f = NULL;
	if (!o->psk)
		return keyfile_read(f, path, NULL, e) || (!o->public && keyfile_unlock(*f, path, &o->from, e));
	if (keyfile_read_psk(&psk, path, &o->from, e))
		return -1;
	*f = secret_alloc(sizeof(**f));
	if (*f)
		(*f)->key = *psk;
	secret_free(psk);
	return *f ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
}

int keygen_export(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX];
	const char *path = keygen_path(o, room, e);
	struct key *k = secret_alloc(sizeof(*k));
	struct keyfile_found *f = NULL;
	int rc = -1;

	if (!k)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!path || export_read(&f, o, path, e))
		goto out;
	if (identity_export(k, o->part, o->public, &f->key, path, e) ||
	    (!o->public && common_secret_output(KEYGEN_PROG, o->force, e)))
		goto out;
	rc = export_print(o, k, f->comment, e);
out:
	secret_free(f);
	secret_free(k);
	return rc;
}
