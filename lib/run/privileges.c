#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int refused(struct error *e, const char *option, const char *value)
{
	return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "--%s %s: %s", option, value, strerror(errno));
}

static bool is_already(const struct passwd *to)
{
	uid_t real, effective, saved;
	gid_t greal, geffective, gsaved;

	return getresuid(&real, &effective, &saved) == 0 && getresgid(&greal, &geffective, &gsaved) == 0 &&
	       real == to->pw_uid && effective == to->pw_uid && saved == to->pw_uid && greal == to->pw_gid &&
	       geffective == to->pw_gid && gsaved == to->pw_gid;
}

static int change_user(const char *user, const struct passwd *to, struct error *e)
{
	if (setresgid(to->pw_gid, to->pw_gid, to->pw_gid) < 0 || setresuid(to->pw_uid, to->pw_uid, to->pw_uid) < 0)
		return refused(e, "user", user);
	if (!is_already(to) || (to->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) ||
	    (to->pw_uid != 0 && to->pw_gid != 0 && (setgid(0) == 0 || setegid(0) == 0)))
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "--user %s: root can be regained", user);
	return 0;
}

int privileges_drop(const char *user, const char *root, struct error *e)
{
	const struct passwd *to = NULL;

	/* The system's lists are outside of the new root. */
	errno = 0;
	if (user && !(to = getpwnam(user)))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--user %s: %s", user, errno != 0 ? strerror(errno) : "no such user");
	if (to && !is_already(to) && initgroups(user, to->pw_gid) < 0)
		return refused(e, "user", user);
	if (root && (chroot(root) < 0 || chdir("/") < 0))
		return refused(e, "chroot", root);
	return to && !is_already(to) ? change_user(user, to, e) : 0;
}

const char *privileges_path(const char *root, const char *path)
{
	size_t n = root ? strlen(root) : 0;

	if (!root)
		return path;
	while (n > 0 && root[n - 1] == '/')
		n--;
	return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n : NULL;
}

void privileges_rooted(char *path, const char *root)
{
	const char *inside = root ? privileges_path(root, path) : NULL;

	if (!root)
		return;
	if (inside)
		memmove(path, inside, strlen(inside) + 1);
	else
		path[0] = '\0';
}
