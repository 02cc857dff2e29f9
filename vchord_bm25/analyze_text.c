/*
 * vchord_bm25/analyze_text.c
 *		Occurrences of terms in text, by a text search configuration.
 *
 * The configuration's parser gives tokens; the dictionaries of a token's type are asked in turn until one
 * knows it.  The result must be what to_tsvector() finds, so this keeps to the server's protocol:
 *
 *	- types without dictionaries, and tokens that no dictionary knows, do not count;
 *	- a known token takes a position, a stop word (no lexemes) too; TSL_ADDPOS takes one more;
 *	- TSL_FILTER: the lexeme replaces the token for the dictionaries that follow;
 *	- a lexeme counts once at a position, even if two variants of a token give it;
 *	- a dictionary may ask for further tokens (getnext: a thesaurus).  Tokens are queued then, and offered
 *	  to this dictionary until it gives a result, which stands for the tokens up to the last one that it
 *	  covers, or gives up, when the dictionaries after it are asked about the first token alone.
 *
 * One thing differs.  Where collecting ends at a token whose type the asking dictionary does not serve, the
 * server forgets to forget the result so far, and gives it at some later place instead of what is there;
 * here it is dropped, and the dictionaries after the asking one go on with the first token.
 *
 * What a token became is kept in a cache by (field, type, bytes): a corpus has few distinct tokens, and
 * dictionaries cost a multiple of the look-up.  A token about which a dictionary asked for more is
 * remembered as such, and takes the slow way each time.  Dictionaries change by DDL: an invalidation of
 * the server's text search caches empties the cache before the next text.
 *
 * Memory: parser, values and queue live in a context that is reset after each text; what dictionaries
 * allocate in one that is reset as soon as nothing is queued.
 */
#include "postgres.h"

#include "vchord_bm25/analyze_text.h"

#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "core/arena.h"

#include "vchord_bm25/hash.h"

#define FIRST_CAPACITY 256         /* slots; a power of two */
#define KEPT_CAPACITY  (64 * 1024) /* a table up to this size survives a reset */
#define CACHE_BUDGET   ((Size) 64 * 1024 * 1024)
/* Longer words do not count.  (Servers before 17 let one byte more pass.) */
#define MAX_WORD (MAXSTRLEN - 1)

/* A lexeme of a token: position = the one before the token + offset. */
typedef struct Outcome
{
	uint32 term;
	uint32 offset;
} Outcome;

typedef enum TokenKind
{
	TOKEN_UNKNOWN, /* to all dictionaries */
	TOKEN_KNOWN,
	TOKEN_MORE /* a dictionary asks for the tokens that follow */
} TokenKind;

/* A token in the cache: its outcomes, then its bytes, are behind it. */
typedef struct CachedToken
{
	int32 type;
	uint32 len;
	uint32 advance; /* positions that it takes */
	uint32 n;       /* outcomes */
	uint8 field;
	uint8 kind; /* TokenKind */
	Outcome outcomes[];
} CachedToken;

typedef struct Slot
{
	uint64 hash;
	CachedToken *token; /* NULL: free */
} Slot;

/* A token as the parser gave it. */
typedef struct Token
{
	int32 type; /* 0: end of text */
	int len;
	char *data;
} Token;

struct Bm25TextAnalyzer
{
	Bm25Lexicon *lexicon;
	Oid config;
	uint64 generation; /* of the server's caches that the token cache goes by */
	/* token cache */
	MemoryContext context;
	VcArena *arena;
	Slot *slots;
	uint32 count;
	uint32 capacity;
	/* the token asked about last */
	Outcome *outcomes;
	uint32 noutcomes;
	uint32 max_outcomes;
	uint32 advance;
	/* the text being read */
	MemoryContext parse_context;
	MemoryContext dict_context;
	TSConfigCacheEntry *cfg;
	uint8 field;
	uint32 position;
	uint32 length;
	Bm25Emit emit;
	void *arg;
	MemoryContext caller;
	/* tokens that wait for a dictionary to make up its mind */
	Token *queue;
	int nqueue;
	int max_queue;
	int head;         /* first token without a result */
	int from;         /* dictionary of its list to begin with */
	bool collecting;  /* a dictionary asked for more */
	Oid asking;       /* it */
	int next;         /* first token that it has not seen */
	TSLexeme *so_far; /* its result if it gets no further, or NULL .. */
	int covered;      /* .. and the last token in that */
	DictSubState state;
};

/*----- changes of dictionaries -----*/

static uint64 generation = 1;

static void
tsearch_changed(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(),
				uint32 hash pg_attribute_unused())
{
	generation++;
}

static void
watch_changes(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(TSCONFIGMAP, tsearch_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSCONFIGOID, tsearch_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSDICTOID, tsearch_changed, (Datum) 0);
	watching = true;
}

/*----- token cache -----*/

static void
make_table(Bm25TextAnalyzer *a)
{
	a->count = 0;
	a->capacity = FIRST_CAPACITY;
	a->slots = MemoryContextAllocZero(a->context, FIRST_CAPACITY * sizeof(Slot));
}

Bm25TextAnalyzer *
bm25_text_analyzer_create(Bm25Lexicon *lexicon, Oid config)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 text analyzer",
												  ALLOCSET_START_SMALL_SIZES);
	Bm25TextAnalyzer *a = MemoryContextAllocZero(context, sizeof(Bm25TextAnalyzer));

	watch_changes();
	a->lexicon = lexicon;
	a->config = config;
	a->generation = generation;
	a->context = context;
	a->arena = vc_arena_create(context, "bm25 token cache", VC_ARENA_UNLIMITED);
	make_table(a);
	a->max_outcomes = 8;
	a->outcomes = MemoryContextAlloc(context, a->max_outcomes * sizeof(Outcome));
	a->parse_context = AllocSetContextCreate(context, "bm25 text parser", ALLOCSET_DEFAULT_SIZES);
	a->dict_context =
		AllocSetContextCreate(context, "bm25 dictionary results", ALLOCSET_SMALL_SIZES);
	return a;
}

void
bm25_text_analyzer_reset(Bm25TextAnalyzer *a)
{
	vc_arena_reset(a->arena);
	if (a->capacity > KEPT_CAPACITY)
	{
		pfree(a->slots);
		make_table(a);
	}
	else
	{
		memset(a->slots, 0, a->capacity * sizeof(Slot));
		a->count = 0;
	}
}

Size
bm25_text_analyzer_bytes(const Bm25TextAnalyzer *a)
{
	return vc_arena_bytes(a->arena) + a->capacity * sizeof(Slot);
}

static inline char *
cached_bytes(CachedToken *cached)
{
	return (char *) &cached->outcomes[cached->n];
}

static inline uint64
token_hash(const Bm25TextAnalyzer *a, const Token *token)
{
	return bm25_hash((uint64) (uint32) token->type << 8 | a->field, token->data, token->len);
}

/* The token's entry, or NULL. */
static inline CachedToken *
look_up(Bm25TextAnalyzer *a, const Token *token, uint64 hash)
{
	uint32 mask = a->capacity - 1;

	for (uint32 at = hash & mask; a->slots[at].token != NULL; at = (at + 1) & mask)
	{
		CachedToken *cached = a->slots[at].token;

		if (a->slots[at].hash == hash && cached->len == (uint32) token->len &&
			cached->type == token->type && cached->field == a->field &&
			memcmp(cached_bytes(cached), token->data, token->len) == 0)
			return cached;
	}
	return NULL;
}

static void
place(Slot *slots, uint32 mask, Slot slot)
{
	uint32 at = slot.hash & mask;

	while (slots[at].token != NULL)
		at = (at + 1) & mask;
	slots[at] = slot;
}

/* Keeps what the last token asked about became. */
static void
remember(Bm25TextAnalyzer *a, const Token *token, uint64 hash, TokenKind kind)
{
	uint32 n = kind == TOKEN_KNOWN ? a->noutcomes : 0;
	CachedToken *cached;

	if (bm25_text_analyzer_bytes(a) > CACHE_BUDGET)
		bm25_text_analyzer_reset(a);
	if ((a->count + 1) * 3 > a->capacity * 2)
	{
		uint32 capacity = a->capacity * 2;
		Slot *slots = MemoryContextAllocZero(a->context, capacity * sizeof(Slot));

		for (uint32 i = 0; i < a->capacity; i++)
		{
			if (a->slots[i].token != NULL)
				place(slots, capacity - 1, a->slots[i]);
		}
		pfree(a->slots);
		a->slots = slots;
		a->capacity = capacity;
	}
	cached = vc_arena_alloc(a->arena,
							offsetof(CachedToken, outcomes) + n * sizeof(Outcome) + token->len);
	cached->type = token->type;
	cached->len = token->len;
	cached->advance = kind == TOKEN_KNOWN ? a->advance : 0;
	cached->n = n;
	cached->field = a->field;
	cached->kind = kind;
	memcpy(cached->outcomes, a->outcomes, n * sizeof(Outcome));
	memcpy(cached_bytes(cached), token->data, token->len);
	place(a->slots, a->capacity - 1, (Slot){.hash = hash, .token = cached});
	a->count++;
}

/*----- occurrences -----*/

static inline void
emit_outcomes(Bm25TextAnalyzer *a, const Outcome *outcomes, uint32 n, uint32 advance)
{
	MemoryContext inner = MemoryContextSwitchTo(a->caller);

	for (uint32 i = 0; i < n; i++)
		a->emit(a->arg, outcomes[i].term, 1, a->position + outcomes[i].offset);
	MemoryContextSwitchTo(inner);
	a->position += advance;
	a->length += n;
}

static void
too_long(void)
{
	ereport(NOTICE,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("word is too long to be indexed"),
			 errdetail("Words longer than %d characters are ignored.", MAXSTRLEN)));
}

/* Makes a dictionary's result a->outcomes and a->advance. */
static void
take_result(Bm25TextAnalyzer *a, const TSLexeme *lexemes)
{
	a->noutcomes = 0;
	a->advance = 1;
	for (const TSLexeme *lexeme = lexemes; lexeme->lexeme != NULL; lexeme++)
	{
		Size len = strlen(lexeme->lexeme);
		Outcome outcome;
		bool known = false;

		if ((lexeme->flags & TSL_ADDPOS) != 0)
			a->advance++;
		if (len > MAX_WORD)
		{
			too_long();
			continue;
		}
		outcome.term = bm25_lexicon_intern(a->lexicon, a->field, lexeme->lexeme, (uint32) len);
		outcome.offset = a->advance;
		for (uint32 i = a->noutcomes; i-- > 0 && a->outcomes[i].offset == outcome.offset;)
			known |= a->outcomes[i].term == outcome.term;
		if (known)
			continue;
		if (a->noutcomes == a->max_outcomes)
		{
			a->outcomes = repalloc(a->outcomes, 2 * a->max_outcomes * sizeof(Outcome));
			a->max_outcomes *= 2;
		}
		a->outcomes[a->noutcomes++] = outcome;
	}
}

/*----- dictionaries -----*/

static inline const ListDictionary *
dictionaries_of(const Bm25TextAnalyzer *a, int type)
{
	if (type <= 0 || type >= a->cfg->lenmap || a->cfg->map[type].len == 0)
		return NULL;
	return &a->cfg->map[type];
}

/* Calls a dictionary, in dict_context; a->state is its state. */
static TSLexeme *
lexize(Bm25TextAnalyzer *a, Oid dictionary, char *data, int len)
{
	TSDictionaryCacheEntry *dict = lookup_ts_dictionary_cache(dictionary);
	MemoryContext outer = MemoryContextSwitchTo(a->dict_context);
	TSLexeme *result = (TSLexeme *) DatumGetPointer(
		FunctionCall4(&dict->lexize, PointerGetDatum(dict->dictData), PointerGetDatum(data),
					  Int32GetDatum(len), PointerGetDatum(&a->state)));

	MemoryContextSwitchTo(outer);
	return result;
}

/*
 * Asks the dictionaries of a type about one token, from the from-th on.  KNOWN: *ret_result.  MORE: the
 * dictionary *ret_asked of the list asks for more, and *ret_result is its result so far, or NULL.
 */
static TokenKind
ask(Bm25TextAnalyzer *a, const Token *token, const ListDictionary *list, int from,
	TSLexeme **ret_result, int *ret_asked)
{
	char *data = token->data;
	int len = token->len;

	for (int i = from; i < list->len; i++)
	{
		TSLexeme *result;

		a->state.isend = false;
		a->state.getnext = false;
		a->state.private_state = NULL;
		result = lexize(a, list->dictIds[i], data, len);
		if (a->state.getnext)
		{
			*ret_result = result;
			*ret_asked = i;
			return TOKEN_MORE;
		}
		if (result == NULL)
			continue;
		if ((result->flags & TSL_FILTER) != 0)
		{
			data = result->lexeme;
			len = (int) strlen(data);
			continue;
		}
		*ret_result = result;
		return TOKEN_KNOWN;
	}
	return TOKEN_UNKNOWN;
}

/* A token that nothing is queued before.  True if it is done; else it has to go through the queue. */
static inline bool
take_token(Bm25TextAnalyzer *a, const Token *token)
{
	const ListDictionary *list = dictionaries_of(a, token->type);
	uint64 hash;
	CachedToken *cached;
	TSLexeme *result;
	int asked;
	TokenKind kind;

	if (list == NULL)
		return true;
	hash = token_hash(a, token);
	cached = look_up(a, token, hash);
	if (cached != NULL)
	{
		emit_outcomes(a, cached->outcomes, cached->n, cached->advance);
		return cached->kind != TOKEN_MORE;
	}
	kind = ask(a, token, list, 0, &result, &asked);
	if (kind == TOKEN_KNOWN)
	{
		take_result(a, result);
		emit_outcomes(a, a->outcomes, a->noutcomes, a->advance);
	}
	remember(a, token, hash, kind);
	MemoryContextReset(a->dict_context);
	return kind != TOKEN_MORE;
}

/*----- the queue -----*/

static void
enqueue(Bm25TextAnalyzer *a, const Token *token)
{
	if (a->nqueue == a->max_queue)
	{
		int max = a->max_queue == 0 ? 64 : a->max_queue * 2;
		Size bytes = (Size) max * sizeof(Token);

		if (a->queue == NULL)
			a->queue = MemoryContextAlloc(a->parse_context, bytes);
		else
			a->queue = repalloc_huge(a->queue, bytes);
		a->max_queue = max;
	}
	a->queue[a->nqueue++] = *token;
}

static bool
list_has(const ListDictionary *list, Oid dictionary)
{
	for (int i = 0; i < list->len; i++)
	{
		if (list->dictIds[i] == dictionary)
			return true;
	}
	return false;
}

/* The tokens before `head` are done with. */
static void
advance_head(Bm25TextAnalyzer *a, int head)
{
	a->head = head;
	a->from = 0;
	a->collecting = false;
	a->so_far = NULL;
}

/* Asks about the first token in the queue. */
static void
begin_head(Bm25TextAnalyzer *a)
{
	const Token *token = &a->queue[a->head];
	const ListDictionary *list = dictionaries_of(a, token->type);
	TSLexeme *result = NULL;
	int asked = 0;

	switch (list == NULL ? TOKEN_UNKNOWN : ask(a, token, list, a->from, &result, &asked))
	{
		case TOKEN_KNOWN:
			take_result(a, result);
			emit_outcomes(a, a->outcomes, a->noutcomes, a->advance);
			advance_head(a, a->head + 1);
			break;
		case TOKEN_UNKNOWN:
			advance_head(a, a->head + 1);
			break;
		case TOKEN_MORE:
			a->collecting = true;
			a->asking = list->dictIds[asked];
			a->from = asked + 1;
			a->next = a->head + 1;
			a->so_far = result;
			a->covered = a->head;
			break;
	}
}

/* Offers one more token to the dictionary that asked for it. */
static void
offer_next(Bm25TextAnalyzer *a)
{
	const Token *token = &a->queue[a->next];
	const ListDictionary *list = dictionaries_of(a, token->type);
	TSLexeme *result;

	if (token->type != 0)
	{
		if (list == NULL)
		{
			a->next++;
			return;
		}
		if (!list_has(list, a->asking))
		{
			/* not a token for this dictionary: the ones after it go on with the first token */
			a->collecting = false;
			a->so_far = NULL;
			return;
		}
	}
	a->state.isend = token->type == 0;
	a->state.getnext = false;
	result = lexize(a, a->asking, token->data, token->len);
	if (a->state.getnext)
	{
		if (result != NULL)
		{
			a->so_far = result;
			a->covered = a->next;
		}
		a->next++;
	}
	else if (result != NULL || a->so_far != NULL)
	{
		take_result(a, result != NULL ? result : a->so_far);
		emit_outcomes(a, a->outcomes, a->noutcomes, a->advance);
		advance_head(a, (result != NULL ? a->next : a->covered) + 1);
	}
	else
		a->collecting = false;
}

/* Works off the queue until a dictionary needs a token that is not there yet, or it is empty. */
static void
run_queue(Bm25TextAnalyzer *a)
{
	while (a->head < a->nqueue)
	{
		CHECK_FOR_INTERRUPTS();
		if (!a->collecting)
			begin_head(a);
		else if (a->next < a->nqueue)
			offer_next(a);
		else
			return;
	}
	a->head = 0;
	a->nqueue = 0;
	MemoryContextReset(a->dict_context);
}

/*----- text -----*/

/* Begins a text, whatever became of the one before (an error may have ended it). */
static void
begin_text(Bm25TextAnalyzer *a)
{
	MemoryContextReset(a->parse_context);
	MemoryContextReset(a->dict_context);
	a->queue = NULL;
	a->nqueue = 0;
	a->max_queue = 0;
	advance_head(a, 0);
	a->cfg = lookup_ts_config_cache(a->config);
	if (a->generation != generation)
	{
		bm25_text_analyzer_reset(a);
		a->generation = generation;
	}
}

uint32
bm25_text_analyze(Bm25TextAnalyzer *a, uint8 field, char *text, int len, uint32 *position,
				  Bm25Emit emit, void *arg)
{
	TSParserCacheEntry *parser;
	void *state;
	Token token;

	begin_text(a);
	a->field = field;
	a->position = *position;
	a->length = 0;
	a->emit = emit;
	a->arg = arg;
	a->caller = MemoryContextSwitchTo(a->parse_context);
	parser = lookup_ts_parser_cache(a->cfg->prsId);
	state = DatumGetPointer(
		FunctionCall2(&parser->prsstart, PointerGetDatum(text), Int32GetDatum(len)));
	do
	{
		token.data = NULL;
		token.len = 0;
		CHECK_FOR_INTERRUPTS();
		token.type =
			DatumGetInt32(FunctionCall3(&parser->prstoken, PointerGetDatum(state),
										PointerGetDatum(&token.data), PointerGetDatum(&token.len)));
		if (token.type > 0 && token.len > MAX_WORD)
		{
			too_long();
			continue;
		}
		if (a->nqueue == 0 && take_token(a, &token))
			continue;
		enqueue(a, &token);
		run_queue(a);
	} while (token.type > 0);
	FunctionCall1(&parser->prsend, PointerGetDatum(state));
	MemoryContextSwitchTo(a->caller);
	MemoryContextReset(a->parse_context);
	*position = a->position;
	return a->length;
}
