/* keygen: what there is to say about a key. */
#include <string.h>

#include "crypto/keypicture.h"
#include "crypto/secret.h"
#include "keygen.h"
#include "run/pskfile.h"

void keygen_line(const struct identity_facts *f, bool fingerprint)
{
	printf("%s%s%s%s%s\n", fingerprint ? f->fingerprint : "", fingerprint ? " " : "", f->public,
	    f->comment[0] ? " " : "", f->comment);
}

json_t *keygen_facts(const struct identity_facts *f)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s}", "v", 1, "public_key", f->public,
	    "x25519_public_key", f->xpublic, "fingerprint", f->fingerprint, "comment", f->comment);
}

const char *keygen_path(const struct keygen_opts *o, char room[KEYFILE_PATH_MAX], struct error *e)
{
	if (o->file)
		return strcmp(o->file, "-") == 0 ? "/dev/stdin" : o->file;
	return keyfile_path(room, "identity", e) ? NULL : room;
}

static int found_facts(struct identity_facts *facts, const struct keyfile_found *f, struct error *e)
{
	static const struct key psk = {.form = KEY_PSK};

	return identity_facts(facts, f->key.form == KEY_NONE ? &psk : &f->key, f->comment, e);
}

static int show_picture(const struct identity_facts *facts, const struct key *k, struct error *e)
{
	char words[KEYPICTURE_WORDS_MAX], picture[KEYPICTURE_MAX];

	if (keypicture_draw(picture, k))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s", keytext_strerror(KEYTEXT_E_KEY));
	keypicture_words(words, facts->fingerprint);
	printf("%s\n%s", words, picture);
	return 0;
}

static void show_words(json_t *object, const struct identity_facts *facts)
{
	char words[KEYPICTURE_WORDS_MAX];

	keypicture_words(words, facts->fingerprint);
	for (char *p = words; *p; p++)
		if (*p == '\n')
			*p = ' ';
	json_object_set_new(object, "words", json_string(words));
}

int keygen_show(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX];
	const char *path = keygen_path(o, room, e);
	struct identity_facts facts;
	struct keyfile_found *f;
	json_t *object;
	int rc;

	if (!path || keyfile_read(&f, path, NULL, e))
		return -1;
	rc = found_facts(&facts, f, e);
	if (rc == 0 && o->json) {
		object = keygen_facts(&facts);
		if (f->created[0])
			json_object_set_new(object, "created", json_string(f->created));
		if (o->picture)
			show_words(object, &facts);
		rc = common_json_print(object, e);
	} else if (rc == 0) {
		keygen_line(&facts, o->list);
		rc = o->picture ? show_picture(&facts, &f->key, e) : 0;
	}
	secret_free(f);
	return rc;
}

static void check_json(json_t *object, const struct keygen_opts *o, const struct keyfile_found *f,
    const char *kind, bool locked)
{
	common_json_text(object, "file", o->check);
	json_object_set_new(object, "kind", json_string(kind));
	json_object_set_new(object, "locked", json_boolean(locked));
	if (f->created[0])
		json_object_set_new(object, "created", json_string(f->created));
	json_object_set_new(object, "ok", json_true());
}

/* What --check found; every key has a form, all but a psk have facts. */
static int check_print(const struct keygen_opts *o, const struct keyfile_found *f, bool locked, struct error *e)
{
	static const char *const kinds[] = {"", "public key", "secret key", "pre-shared key",
	    "public key, X25519 only", "secret key, X25519 only"};
	enum key_form form = f->locked ? f->seal.form : f->key.form;
	struct identity_facts facts;
	json_t *object;

	if (form != KEY_PSK && found_facts(&facts, f, e))
		return -1;
	if (o->json) {
		object = form == KEY_PSK ? json_pack("{s:i}", "v", 1) : keygen_facts(&facts);
		check_json(object, o, f, kinds[form], locked);
		return common_json_print(object, e);
	}
	printf("%s: %s%s", o->check, kinds[form], locked ? ", locked with a passphrase" : "");
	if (form != KEY_PSK)
		printf(", %s %s", facts.fingerprint, facts.public);
	printf("%s%s\n", f->comment[0] ? " " : "", f->comment);
	return 0;
}

/* A file of several pre-shared keys. 0, or -1: it is none, or a bad one, which ${e} then says. */
static int check_psks(const struct keygen_opts *o, struct error *e)
{
	struct error why = {.code = ERROR_OK};
	struct handshake_psks *psks;
	json_t *object, *list;
	int rc = 0;

	if (!pskfile_holds_lines(o->check))
		return -1;
	memset(e, 0, sizeof(*e));
	if (pskfile_read(&psks, o->check, NULL, &why) < 0) {
		*e = why;
		return -1;
	}
	object = json_pack("{s:i, s:s, s:s, s:b, s:o}", "v", 1, "file", o->check, "kind", "pre-shared keys", "ok", 1, "keys",
	    list = json_array());
	if (!o->json)
		printf("%s: %zu pre-shared key%s\n", o->check, psks->count, psks->count > 1 ? "s" : "");
	for (size_t i = 0; i < psks->count; i++) {
		const struct handshake_psk *about = &psks->about[i];

		json_array_append_new(list, json_pack("{s:i, s:s, s:b}", "line", (int)about->line, "name", about->name, "expired",
						pskfile_expired(about)));
		if (!o->json)
			printf("line %u: %s%s\n", about->line, about->name[0] ? about->name : "without a label",
			    pskfile_expired(about) ? ", expired" : "");
	}
	if (o->json)
		rc = common_json_print(object, e);
	else
		json_decref(object);
	secret_free(psks);
	return rc;
}

int keygen_check(struct keygen_opts *o, struct error *e)
{
	bool given = o->from.file || o->from.fd >= 0, locked;
	struct error ignored = {.code = ERROR_OK};
	struct keyfile_found *f;
	json_t *object;
	int rc = -1;

	if (identity_check(&f, o->check, e) == 0) {
		locked = f->locked;
		if (!given || keyfile_unlock(f, o->check, &o->from, e) == 0)
			rc = check_print(o, f, locked, e);
		secret_free(f);
		if (rc == 0)
			return 0;
	} else if (check_psks(o, e) == 0) {
		return 0;
	}
	if (o->json) {
		object = json_pack("{s:i, s:b, s:s}", "v", 1, "ok", 0, "code", error_name(e->code));
		common_json_text(object, "file", o->check);
		common_json_text(object, "error", e->text);
		(void)common_json_print(object, &ignored);
	}
	return -1;
}
