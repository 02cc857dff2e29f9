/*
 * vchord_bm25/phrase.h
 *		Evaluates the tree of a Boolean query on one document.
 *
 * The semantics are those of core's tsquery: & | !, and phrases over positions, where a NOT inside a
 * phrase means "not at that place".
 */
#ifndef VCHORD_BM25_PHRASE_H
#define VCHORD_BM25_PHRASE_H

#include "vchord_bm25/query.h"

typedef enum Bm25Match
{
	BM25_MATCH_NO,
	BM25_MATCH_MAYBE, /* positions would decide, and are not at hand */
	BM25_MATCH_YES
} Bm25Match;

/* What is known of the document; asked about TERM nodes. */
typedef struct Bm25MatchSource
{
	/*
	 * Is the term in one of the fields?  If there are several fields in the source, and one is asked about, the
	 * answer may be that of all, when positions are not known either.
	 */
	bool (*present)(void *arg, int node, Bm25FieldSpan span);
	/* Positions in a field of a term that is present there, ascending and distinct; false: not known. */
	bool (*positions)(void *arg, int node, int field, const uint32 **ret_positions, uint32 *ret_n);
	void *arg;
	Bm25FieldSpan span; /* a term is looked for in all of these, a phrase in each of them */
} Bm25MatchSource;

/* Memory of the current context may be left behind; the caller resets it now and then. */
extern Bm25Match bm25_match_tree(const Bm25QueryNode *nodes, int root,
								 const Bm25MatchSource *source);

/* Does a document that was made for the same index, with positions, match in these fields? */
extern bool bm25_match_document(const Bm25Query *query, Bm25FieldSpan span,
								const Bm25Document *document);

#endif
