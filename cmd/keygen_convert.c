/* keygen: keys in the formats of other programs. */
#include "crypto/secret.h"
#include "keygen.h"

static int export_print(const struct keygen_opts *o, enum key_part part, const uint8_t bytes[KEY_BYTES],
    struct error *e)
{
	char text[KEYFORMAT_MAX];
	int rc = 0;

	keyformat_encode(text, o->export, bytes);
	if (o->export == FORMAT_RAW)
		fwrite(bytes, 1, KEY_BYTES, stdout);
	else if (o->json)
		rc = common_json_print(json_pack("{s:i, s:s, s:s, s:b, s:s}", "v", 1, "format",
				     keyformat_names[o->export], "part",
				     part ? keyformat_parts[part] : "psk", "secret", !o->public, "key",
				     text),
		    e);
	else
		printf("%s\n", text);
	secret_wipe(text, sizeof(text));
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
	uint8_t *bytes = secret_alloc(KEY_BYTES);
	enum key_part part = o->part;
	struct keyfile_found *f = NULL;
	int rc = -1;

	if (!bytes)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!path || export_read(&f, o, path, e))
		goto out;
	if (identity_export(bytes, &part, o->public, &f->key, path, e) ||
	    (!o->public && common_secret_output(KEYGEN_PROG, o->force, e)))
		goto out;
	rc = export_print(o, part, bytes, e);
out:
	secret_free(f);
	secret_free(bytes);
	return rc;
}
