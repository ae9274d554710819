/* The helper process: it starts commands, waits for them and kills them, with a loop of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "clock.h"
#include "log.h"
#include "privileges.h"
#include "spawner_talk.h"

#define KILL_MS 5000   /* after TERM */
#define ORPHAN_MS 1000 /* after the command itself has ended: for what it has started */
#define LOOK_SECONDS 0.02

/* A command. */
struct job {
	pid_t pid;
	uint32_t slot;
	int input;     /* the writing end of its input, so that this has no end before its time; -1 = it has ended */
	bool killing;  /* its process group has got TERM */
	bool reaped;   /* it has ended, but not all of its group */
	int status;
	int64_t until; /* then that gets KILL, clock_ms() time */
	ev_timer timer;
	struct helper *helper;
};

struct helper {
	struct ev_loop *loop;
	int fd;
	const struct spawner_options *o;
	const struct rlimit *limit;
	struct trust_list keys; /* as they were when one was looked for */
	const char *keys_path;
	ev_io readable;
	ev_signal ended;
	struct job **jobs; /* by slot */
	uint32_t room, count;
	bool alone; /* the listener has gone */
};

/* ---- to the listener ---- */

static int report(const struct helper *h, uint32_t slot, enum spawn_what what, int number, const int fds[2])
{
	struct spawner_report r = {.what = (uint32_t)what, .slot = slot, .number = number};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec iov = {&r, sizeof r};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fds) {
		struct cmsghdr *c;

		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	}
	do
		n = sendmsg(h->fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* ---- the end of a command ---- */

static void finish(struct helper *h, uint32_t slot)
{
	struct job *j = h->jobs[slot];

	h->jobs[slot] = NULL;
	h->count--;
	ev_timer_stop(h->loop, &j->timer);
	if (j->input >= 0)
		close(j->input);
	(void)report(h, slot, SPAWN_ENDED, j->status, NULL);
	free(j);
	if (h->alone && h->count == 0)
		ev_break(h->loop, EVBREAK_ALL);
}

/* (The number of a group that has members is not given to anybody else, nor is that of one not waited for.) */
static bool group_lives(const struct job *j)
{
	return kill(-j->pid, 0) == 0 || errno == EPERM;
}

static void kill_group(const struct job *j, int number)
{
	(void)kill(-j->pid, number);
	if (number == SIGTERM)
		(void)kill(-j->pid, SIGCONT);
}

static void on_time(struct ev_loop *loop, ev_timer *w, int events)
{
	struct job *j = w->data;
	bool late = clock_ms() >= j->until;

	(void)events;
	if (late)
		kill_group(j, SIGKILL);
	if (j->reaped && (late || !group_lives(j)))
		finish(j->helper, j->slot);
	else if (late) /* the command itself will be waited for */
		ev_timer_stop(loop, w);
}

static void stop_job(struct job *j)
{
	struct ev_loop *loop = j->helper->loop;

	if (j->killing)
		return;
	j->killing = true;
	kill_group(j, SIGTERM);
	ev_now_update(loop);
	j->until = clock_ms() + KILL_MS;
	ev_timer_set(&j->timer, KILL_MS / 1000., LOOK_SECONDS);
	ev_timer_start(loop, &j->timer);
}

/* One that was killed may have left others in its group, which must see no end of the input either. */
static void reap(struct helper *h, uint32_t slot, int status)
{
	struct job *j = h->jobs[slot];

	j->status = status;
	j->reaped = true;
	if (!j->killing || !group_lives(j)) {
		finish(h, slot);
		return;
	}
	if (j->until > clock_ms() + ORPHAN_MS)
		j->until = clock_ms() + ORPHAN_MS;
	ev_now_update(h->loop);
	ev_timer_stop(h->loop, &j->timer);
	ev_timer_set(&j->timer, LOOK_SECONDS, LOOK_SECONDS);
	ev_timer_start(h->loop, &j->timer);
}

static void on_ended(struct ev_loop *loop, ev_signal *w, int events)
{
	struct helper *h = w->data;
	int status;
	pid_t pid;

	(void)loop;
	(void)events;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t i = 0; i < h->room; i++)
			if (h->jobs[i] && h->jobs[i]->pid == pid && !h->jobs[i]->reaped) {
				reap(h, i, status);
				break;
			}
}

/* ---- the start of a command ---- */

static struct job *new_job(struct helper *h, uint32_t slot)
{
	struct job *j;

	if (slot >= h->room) {
		uint32_t room = slot < 64 ? 64 : 2 * slot;
		struct job **larger = realloc(h->jobs, room * sizeof(struct job *));

		if (!larger)
			return NULL;
		memset(larger + h->room, 0, (room - h->room) * sizeof(struct job *));
		h->jobs = larger;
		h->room = room;
	}
	j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	ev_timer_init(&j->timer, on_time, 0., 0.);
	j->timer.data = j;
	j->helper = h;
	j->slot = slot;
	j->input = -1;
	return j;
}

static bool in_keys(const struct trust_list *keys, const char *line)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->entries[i].rule.command && strcmp(keys->entries[i].rule.command, line) == 0)
			return true;
	return false;
}

/* A line that is not known may be new in the file: the listener has read it again. */
static bool may_run(struct helper *h, const char *line)
{
	struct error e = {0};

	if (in_keys(h->o->keys, line) || in_keys(&h->keys, line))
		return true;
	if (!h->keys_path)
		return false;
	trust_free(&h->keys);
	if (trust_authorized_load(&h->keys, h->keys_path, &e) < 0)
		log_error("%s", e.text);
	if (in_keys(&h->keys, line))
		return true;
	log_error("a key's command= is no longer in %s", h->keys_path);
	return false;
}

static void set_flags(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/*
 * Our own hold on a command's input. Not the same open file description that the listener gets: what is watched
 * with epoll(7) is watched until that is closed, not the descriptor.
 */
static int hold(int fd)
{
	char self[64];
	int own;

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	own = open(self, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Fork with all signals blocked: none is to run a handler of ours there. */
static pid_t start_process(const struct helper *h, const char *line, char *env, size_t len, const int fds[2])
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		spawner_become(h->o->command, line, env, len, fds, h->limit);
	if (pid > 0)
		(void)setpgid(pid, pid); /* there, too; whoever is first */
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* 0, or an errno. */
static int start_job(struct helper *h, uint32_t slot, const char *line, char *env, size_t len)
{
	struct job *j = new_job(h, slot);
	int in[2], out[2], error;

	if (!j)
		return ENOMEM;
	if (pipe2(in, O_CLOEXEC) < 0)
		goto no_input;
	if (pipe2(out, O_CLOEXEC) < 0)
		goto no_output;
	j->pid = start_process(h, line, env, len, (int[]){in[0], out[1]});
	if (j->pid < 0)
		goto no_process;
	close(in[0]);
	close(out[1]);
	set_flags(in[1]);
	set_flags(out[0]);
	j->input = hold(in[1]);
	h->jobs[slot] = j;
	h->count++;
	if (report(h, slot, SPAWN_STARTED, 0, (int[]){out[0], in[1]}) < 0)
		stop_job(j);
	close(out[0]);
	close(in[1]);
	return 0;
no_process:
	error = errno;
	close(out[0]);
	close(out[1]);
	errno = error;
no_output:
	error = errno;
	close(in[0]);
	close(in[1]);
	errno = error;
no_input:
	error = errno;
	free(j);
	return error;
}

/* ---- requests ---- */

/* Whatever has become of the listener: it can set these, and only these. */
static bool environment_fits(const char *env, size_t len)
{
	static const char prefix[] = "VTOOLS_";

	if (len > 0 && env[len - 1] != '\0')
		return false;
	for (const char *at = env; at < env + len; at += strlen(at) + 1)
		if (strncmp(at, prefix, sizeof prefix - 1) != 0 || !strchr(at, '='))
			return false;
	return true;
}

static void on_run(struct helper *h, const struct spawner_request *r, char *rest, size_t len)
{
	char *env = rest + r->line;
	const char *line = r->line > 0 ? rest : NULL;
	int error = EINVAL;

	if (r->slot < h->room && h->jobs[r->slot])
		return;
	if (r->line <= len && r->env == len - r->line && (!line || rest[r->line - 1] == '\0') &&
	    environment_fits(env, r->env))
		error = line && !may_run(h, line) ? EPERM : start_job(h, r->slot, line, env, r->env);
	if (error != 0)
		(void)report(h, r->slot, SPAWN_FAILED, error, NULL);
}

static void on_listener_gone(struct helper *h)
{
	h->alone = true;
	ev_io_stop(h->loop, &h->readable);
	for (uint32_t i = 0; i < h->room; i++)
		if (h->jobs[i])
			stop_job(h->jobs[i]);
	if (h->count == 0)
		ev_break(h->loop, EVBREAK_ALL);
}

static void on_request(struct ev_loop *loop, ev_io *w, int events)
{
	struct helper *h = w->data;
	union {
		struct spawner_request r;
		char bytes[sizeof(struct spawner_request) + SPAWNER_REQUEST_MAX];
	} u;
	ssize_t n = recv(h->fd, u.bytes, sizeof u.bytes, MSG_DONTWAIT);
	struct job *j;

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof u.r) {
		on_listener_gone(h);
		return;
	}
	if (u.r.slot >= SPAWNER_SLOTS)
		return;
	if (u.r.verb == SPAWNER_RUN) {
		on_run(h, &u.r, u.bytes + sizeof u.r, (size_t)n - sizeof u.r);
		return;
	}
	j = u.r.slot < h->room ? h->jobs[u.r.slot] : NULL;
	if (j && u.r.verb == SPAWNER_KILL)
		stop_job(j);
	else if (j && u.r.verb == SPAWNER_END_INPUT && !j->killing && j->input >= 0) {
		close(j->input);
		j->input = -1;
	}
}

/* ---- life ---- */

void spawner_serve(int fd, const struct spawner_options *o, const struct rlimit *limit)
{
	struct helper h = {.fd = fd, .o = o, .limit = limit};
	struct error e = {0};

	spawner_clean(fd);
	if (privileges_drop(o->user, o->root, &e) < 0) {
		log_error("%s", e.text);
		_exit(1);
	}
	if (o->keys_path)
		h.keys_path = privileges_path(o->root, o->keys_path);
#ifdef __linux__
	(void)prctl(PR_SET_NAME, "vault-spawner");
#endif
	h.loop = ev_loop_new(EVFLAG_NOENV);
	if (!h.loop)
		_exit(1);
	ev_io_init(&h.readable, on_request, fd, EV_READ);
	ev_signal_init(&h.ended, on_ended, SIGCHLD);
	h.readable.data = h.ended.data = &h;
	ev_signal_start(h.loop, &h.ended);
	ev_io_start(h.loop, &h.readable);
	ev_run(h.loop, 0);
	ev_signal_stop(h.loop, &h.ended);
	ev_loop_destroy(h.loop);
	trust_free(&h.keys);
	free(h.jobs);
	_exit(0);
}
