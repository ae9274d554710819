/* keygen: the keys of servers that vault-connect remembers. */
#include <unistd.h>

#include "crypto/keypicture.h"
#include "keygen.h"
#include "run/address.h"
#include "run/trust.h"

#define DEFAULT_PORT 5004

static const char *hosts_path(const struct keygen_opts *o, char room[KEYFILE_PATH_MAX], struct error *e)
{
	const char *path = o->file;

	if (!path && keyfile_path(room, "known_hosts", e) == 0)
		path = room;
	if (path && access(path, F_OK) < 0) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is no such file, so no server is known", path);
		return NULL;
	}
	return path;
}

static int hosts_name(char name[TRUST_NAME_MAX], const char *host, struct error *e)
{
	struct address a;

	if (address_parse(&a, host, NULL, false, e))
		return -1;
	return trust_name(name, a.host, a.has_port ? a.port : DEFAULT_PORT, e);
}

static int find_print(const struct keygen_opts *o, const struct trust_list *list, const char *name, struct error *e)
{
	struct identity_facts facts;
	json_t *object;

	for (size_t i = 0; i < list->count; i++) {
		const struct trust_entry *entry = &list->entries[i];

		if (identity_facts(&facts, &entry->key, entry->label, e))
			return -1;
		if (!o->json) {
			printf("%s:%u: ", list->path, entry->line);
			keygen_line(&facts, true);
			continue;
		}
		object = keygen_facts(&facts);
		common_json_text(object, "name", name);
		common_json_text(object, "file", list->path);
		json_object_set_new(object, "line", json_integer((json_int_t)entry->line));
		if (common_json_print(object, e))
			return -1;
	}
	return 0;
}

int keygen_find(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX], name[TRUST_NAME_MAX];
	const char *path = hosts_path(o, room, e);
	struct trust_list list;
	int rc;

	if (!path || hosts_name(name, o->find, e) || trust_known_load(&list, path, name, e))
		return -1;
	rc = list.count ? find_print(o, &list, name, e)
			: error_set(e, ERROR_IO, BLAME_LOCAL, "%s: no key is known for %s", path, name);
	trust_free(&list);
	return rc;
}

static int edit_print(const struct keygen_opts *o, const char *path, const struct trust_edited *done, struct error *e)
{
	json_t *object;

	if (done->patterns)
		common_warn(KEYGEN_PROG, "%s: left as they are, for their patterns are for others, too: %u line%s", path,
		    done->patterns, done->patterns == 1 ? "" : "s");
	if (!o->json)
		return 0;
	object = json_pack("{s:i, s:i}", "v", 1, o->remove ? "removed" : "hidden", (int)done->changed);
	common_json_text(object, "file", path);
	return common_json_print(object, e);
}

int keygen_remove(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX], name[TRUST_NAME_MAX];
	const char *path = hosts_path(o, room, e);
	struct trust_edited done;

	if (!path || hosts_name(name, o->remove, e) || trust_known_remove(path, name, &done, e))
		return -1;
	if (done.changed == 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    done.patterns ? "%s: only patterns, which are for others, too, have a key for %s; -F shows the lines"
				  : "%s: no key is known for %s",
		    path, name);
	return edit_print(o, path, &done, e);
}

int keygen_hide(struct keygen_opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX];
	const char *path = hosts_path(o, room, e);
	struct trust_edited done;

	if (!path || trust_known_hide(path, &done, e))
		return -1;
	return edit_print(o, path, &done, e);
}
