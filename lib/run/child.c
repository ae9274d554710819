#include "child.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* For the output of what a command leaves behind. */
#define PATIENCE_SECONDS 1.
/* What a pipe can hold at most; all that the command itself has written is in there when it has ended. */
#define PIPE_MOST (1024 * 1024)

static struct child *child_of(struct endpoint *ep)
{
	return (struct child *)ep;
}

/* ---- the endpoint ---- */

static ssize_t child_read(struct endpoint *ep, const struct iovec *iov, int n)
{
	struct child *c = child_of(ep);
	ssize_t got;

	if (ep->in_fd < 0 || (c->over && c->left == 0))
		return 0;
	do
		got = readv(ep->in_fd, iov, n);
	while (got < 0 && errno == EINTR);
	if (!c->over)
		return got;
	if (got < 0)
		return 0;
	c->left -= (size_t)got < c->left ? (size_t)got : c->left;
	return got;
}

static ssize_t child_write(struct endpoint *ep, const struct iovec *iov, int n)
{
	ssize_t put;

	do
		put = writev(ep->out_fd, iov, n);
	while (put < 0 && errno == EINTR);
	return put;
}

static int child_end(struct endpoint *ep, struct error *e)
{
	(void)e;
	if (ep->out_fd >= 0)
		close(ep->out_fd);
	ep->out_fd = -1;
	spawner_end_input(&child_of(ep)->spawn);
	return 0;
}

static void child_abort_endpoint(struct endpoint *ep)
{
	child_abort(child_of(ep));
}

static int child_outcome(struct endpoint *ep)
{
	const struct child *c = child_of(ep);

	return c->state == CHILD_ENDED ? c->status : -1;
}

static void child_unread(struct endpoint *ep)
{
	if (ep->in_fd >= 0)
		close(ep->in_fd);
	ep->in_fd = -1;
}

static const struct endpoint_ops child_ops = {
    .read = child_read,
    .write = child_write,
    .end = child_end,
    .abort = child_abort_endpoint,
    .outcome = child_outcome,
    .unread = child_unread,
};

/* ---- news ---- */

static void on_patience_over(struct ev_loop *loop, ev_timer *w, int events)
{
	struct child *c = w->data;

	(void)loop;
	(void)events;
	c->over = true;
	c->left = PIPE_MOST;
	c->changed(c, c->owner);
}

static void on_news(struct spawn *s, const struct spawn_news *news)
{
	struct child *c = (struct child *)((char *)s - offsetof(struct child, spawn));

	if (news->what == SPAWN_STARTED) {
		c->state = CHILD_RUNNING;
		c->ep.in_fd = news->in_fd;
		c->ep.out_fd = news->out_fd;
	} else {
		/* (Without a start, its pipes could not be taken.) */
		c->failed = news->what == SPAWN_FAILED ? news->number : c->state == CHILD_STARTING ? EMFILE : 0;
		c->state = CHILD_ENDED;
		c->signal = c->failed || WIFEXITED(news->number) ? 0 : WTERMSIG(news->number);
		c->status = WIFEXITED(news->number) ? WEXITSTATUS(news->number) : 128 + WTERMSIG(news->number);
		ev_now_update(c->loop);
		ev_timer_start(c->loop, &c->patience);
	}
	c->changed(c, c->owner);
}

/* ---- life ---- */

int child_start(struct child *c, struct spawner *sp, const char *line, const struct conn *conn, const char *label,
    void (*changed)(struct child *, void *), void *owner, struct error *e)
{
	char env[CHILD_ENVIRONMENT_MAX];
	size_t len = child_environment(env, conn, label);

	memset(c, 0, sizeof *c);
	c->ep = (struct endpoint){.ops = &child_ops,
	    .in_fd = -1,
	    .out_fd = -1,
	    .in_size = -1,
	    .in_name = "the command's output",
	    .out_name = "the command"};
	c->loop = conn->loop;
	c->changed = changed;
	c->owner = owner;
	c->spawn.told = on_news;
	ev_timer_init(&c->patience, on_patience_over, PATIENCE_SECONDS, 0.);
	c->patience.data = c;
	if (spawner_run(sp, &c->spawn, line, env, len, e) < 0)
		return -1;
	c->state = CHILD_STARTING;
	return 0;
}

void child_abort(struct child *c)
{
	if (c->state == CHILD_STARTING || c->state == CHILD_RUNNING)
		spawner_kill(&c->spawn);
}

void child_free(struct child *c)
{
	if (c->state == CHILD_NONE)
		return;
	ev_timer_stop(c->loop, &c->patience);
	spawner_forget(&c->spawn);
	if (c->ep.in_fd >= 0)
		close(c->ep.in_fd);
	if (c->ep.out_fd >= 0)
		close(c->ep.out_fd);
	c->ep.in_fd = c->ep.out_fd = -1;
	c->state = CHILD_NONE;
}
