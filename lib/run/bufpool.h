/*
 * bufpool: blocks of memory that sessions borrow while they have something to do.
 *
 * Thousands of sessions share what a few busy ones need. Only some blocks of each size are kept for
 * the next one; the others go back to the system.
 */
#ifndef BUFPOOL_H
#define BUFPOOL_H

#include <stdbool.h>
#include <stddef.h>

#define BUFPOOL_SIZES 4
#define BUFPOOL_KEPT (8u * 1024 * 1024) /* bytes kept of a size */
#define BUFPOOL_LENT (8u * 1024 * 1024) /* more of them on loan is a crowd */

struct bufpool_list {
	size_t size;
	size_t count;
	size_t lent; /* taken and not given back */
	void *first; /* each block begins with a pointer to the next */
};

struct bufpool {
	struct bufpool_list lists[BUFPOOL_SIZES];
};

/* A block of ${size} bytes, or NULL. ${pool} may be NULL: then this is malloc(). */
void *bufpool_take(struct bufpool *pool, size_t size);

/* Give it back. */
void bufpool_give(struct bufpool *pool, void *block, size_t size);

/* Are so many blocks of this size on loan that who holds one without working on it should give it back? */
bool bufpool_crowded(const struct bufpool *pool, size_t size);

/* Free what is kept. */
void bufpool_free(struct bufpool *pool);

#endif
