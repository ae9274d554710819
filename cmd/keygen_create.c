/* keygen: new keys, and old ones locked anew. */
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "keygen.h"
#include "run/pskfile.h"

/* ${comment}: what an imported one has. */
static int create_key(const struct keygen_opts *o, struct key *k, char comment[KEYFILE_COMMENT_MAX], struct error *e)
{
	k->form = o->psk ? KEY_PSK : o->part == PART_X25519 ? KEY_XSECRET : KEY_SECRET;
	if (o->import)
		return keygen_import(o, k, comment, e);
	secret_rng.fill(secret_rng.ctx, k->bytes, KEY_BYTES);
	return 0;
}

/* The secret on standard output: for a psk its line, for an identity the file. */
static int create_print(const struct keygen_opts *o, const struct key *k, const struct identity_new *how,
    struct error *e)
{
	char text[KEYSEAL_TEXT_MAX], *file, *line;
	int rc;

	if (common_secret_output(KEYGEN_PROG, o->psk || o->force || how->seal, e))
		return -1;
	if (o->json) {
		if (how->seal)
			keyseal_format(text, how->seal);
		else
			keytext_format(text, k);
		rc = common_json_print(json_pack("{s:i, s:s}", "v", 1, "psk", text), e);
		secret_wipe(text, sizeof(text));
		return rc;
	}
	line = file = identity_text(k, how);
	if (!file)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	while (o->psk && *line == '#')
		line = strchr(line, '\n') + 1;
	fputs(line, stdout);
	secret_free(file);
	return 0;
}

static int create_file(const struct keygen_opts *o, const struct key *k, const struct identity_new *how,
    const char *path, struct error *e)
{
	char pubpath[KEYFILE_PATH_MAX];
	struct identity_facts facts;
	json_t *object;

	if (!o->psk && identity_facts(&facts, k, how->comment, e))
		return -1;
	if (o->append && access(path, F_OK) == 0 ? pskfile_add(path, k, how->comment, e) : identity_write(path, k, how, o->force, e))
		return -1;
	if (!o->json) {
		if (!o->psk)
			keygen_line(&facts, false);
		return 0;
	}
	object = o->psk ? json_pack("{s:i}", "v", 1) : keygen_facts(&facts);
	common_json_text(object, "file", path);
	if (!o->psk && snprintf(pubpath, sizeof(pubpath), "%s.pub", path) < (int)sizeof(pubpath))
		common_json_text(object, "public_file", pubpath);
	return common_json_print(object, e);
}

/* Nobody shall think of a passphrase for a file that cannot be made. */
static int create_possible(const struct keygen_opts *o, const char *path, struct error *e)
{
	if (o->lock && !o->force && access(path, F_OK) == 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: exists already and is left as it is (--force replaces it)", path);
	return 0;
}

int keygen_create(struct keygen_opts *o, struct error *e)
{
	char comment[KEYFILE_COMMENT_MAX] = "", created[KEYFILE_CREATED_MAX], path[KEYFILE_PATH_MAX];
	bool print = o->file ? strcmp(o->file, "-") == 0 : o->psk;
	const char *to = o->file ? o->file : path;
	struct identity_new how = {.comment = comment, .created = created};
	struct key *k = secret_alloc(sizeof(*k));
	struct keyseal seal;
	int rc = -1;

	if (!k)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!o->file && !print && keyfile_path(path, "identity", e))
		goto out;
	if ((!print && create_possible(o, to, e)) || create_key(o, k, comment, e))
		goto out;
	if (o->comment)
		snprintf(comment, sizeof(comment), "%s", o->comment);
	else if (!o->psk && !comment[0])
		identity_comment(comment);
	identity_now(created);
	if (o->lock) {
		if (passphrase_lock(&seal, k, print ? "the new key" : to, false, &o->from, e))
			goto out;
		how.seal = &seal;
	}
	rc = print ? create_print(o, k, &how, e) : create_file(o, k, &how, to, e);
out:
	secret_free(k);
	return rc;
}

/* ---- another passphrase ---- */

/* It took time to think of a passphrase. */
static int change_same(const char *path, const struct keyfile_found *f, struct error *e)
{
	struct keyfile_found *now;
	struct key before, after;
	bool same;

	if (keyfile_read(&now, path, NULL, e))
		return -1;
	same = key_public(&before, &f->key) || key_public(&after, &now->key) ||
	    memcmp(before.bytes, after.bytes, KEY_BYTES) == 0;
	secret_free(now);
	return same ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "%s: another key has been put there meanwhile, which is left as it is", path);
}

static int change_write(const struct keygen_opts *o, const char *path, const struct keyfile_found *f,
    const struct keyseal *seal, struct error *e)
{
	struct identity_new how = {.comment = f->comment, .created = f->created, .seal = seal};

	if (change_same(path, f, e) || identity_rewrite(path, &f->key, &how, e))
		return -1;
	if (o->json) {
		json_t *object = json_pack("{s:i, s:b}", "v", 1, "locked", seal != NULL);

		common_json_text(object, "file", path);
		return common_json_print(object, e);
	}
	if (!seal)
		common_warn(KEYGEN_PROG, "%s has no passphrase now", path);
	return 0;
}

int keygen_change(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX];
	const char *path = keygen_path(o, room, e);
	struct keyfile_found *f;
	struct keyseal seal;
	int rc = -1;

	if (!path || keyfile_read(&f, path, NULL, e))
		return -1;
	if (!f->locked && (f->key.form == KEY_PUBLIC || f->key.form == KEY_XPUBLIC)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is only a public key in it", path);
	} else if (keyfile_unlock(f, path, &o->from, e) == 0) {
		rc = passphrase_lock(&seal, &f->key, path, true, &o->from, e);
		if (rc >= 0)
			rc = change_write(o, path, f, rc == 0 ? &seal : NULL, e);
	}
	secret_free(f);
	return rc;
}
