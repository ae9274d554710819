/*
 * bufpool: blocks of memory that sessions borrow while they have something to do.
 *
 * Thousands of sessions share what a few busy ones need. Only some blocks of each size are kept for
 * the next one; the others go back to the system.
 */
#ifndef BUFPOOL_H
#define BUFPOOL_H

#include <stddef.h>

#define BUFPOOL_SIZES 4
#define BUFPOOL_KEPT (8u * 1024 * 1024) /* bytes kept of a size */

struct bufpool {
	struct {
		size_t size;
		unsigned count;
		void *first; /* each block begins with a pointer to the next */
	} lists[BUFPOOL_SIZES];
};

/* A block of ${size} bytes, or NULL. ${pool} may be NULL: then this is malloc(). */
void *bufpool_take(struct bufpool *pool, size_t size);

/* Give it back. */
void bufpool_give(struct bufpool *pool, void *block, size_t size);

/* Free what is kept. */
void bufpool_free(struct bufpool *pool);

#endif
