/*
 * vchord_bm25/settings.h
 *		Settings as guc.c knows them; the rest of the module asks options.c (am.h), which knows the
 *		reloptions, too.
 */
#ifndef VCHORD_BM25_SETTINGS_H
#define VCHORD_BM25_SETTINGS_H

/* upstream's ranges */
#define BM25_LIMIT_MAX         65535
#define BM25_GROWING_LIMIT_MAX 1000000

/*
 * A search reads all growing pages: 64 are half a megabyte, a few milliseconds; a seal costs about the same
 * for each page it turns into a segment.
 */
#define BM25_GROWING_LIMIT_DEFAULT 64

/* By which name a setting was given: not at all, "bm25.x", or "bm25_catalog.x". */
typedef enum Bm25Spelling
{
	BM25_SPELLING_NONE,
	BM25_SPELLING_NEW,
	BM25_SPELLING_OLD
} Bm25Spelling;

/* The value (the default if the setting is not set), and the name that it comes from. */
extern Bm25Spelling bm25_guc_limit(int *ret_limit);
extern Bm25Spelling bm25_guc_prefilter(int *ret_prefilter);
extern Bm25Spelling bm25_guc_growing_limit(int *ret_pages);
extern bool bm25_guc_strict_match(void);

#endif
