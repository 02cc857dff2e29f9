/*
 * vchord_bm25/ngram.c
 *		Text search parsers that cut words into n-grams.
 *
 * ngram: for scripts that are written without blanks between words.  A run of Chinese, Japanese or Korean
 * characters becomes its overlapping bigrams (a run of one character stays as it is); runs of other
 * letters, marks and digits are words, each one token.
 *
 * trigram: for parts of words.  Words too become overlapping n-grams, of three characters; a shorter word
 * stays as it is.
 *
 * The tokens of a run have consecutive positions.  So on the query side a string is the phrase of its
 * n-grams: phraseto_tsquery('bm25_catalog.ngram', '...') finds exactly the texts that hold it (for the
 * trigram parser, strings of three characters or more; shorter ones are prefixes, to_tsquery('ab:*')),
 * and a bm25query of kind text ranks by the n-grams that they share.
 *
 * Characters are classified as Unicode whatever the locale of the database is.  In a database of another
 * encoding the text is converted for that, and the tokens back; in SQL_ASCII all bytes from 0x80 on are
 * taken for letters.  Case is folded by the dictionary (simple), not here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "tsearch/ts_public.h"

#include "core/attrs.h"

#include "vchord_bm25/unicode_words.h"

VC_FUNCTION(bm25_ngram_start);
VC_FUNCTION(bm25_trigram_start);
VC_FUNCTION(bm25_ngram_token);
VC_FUNCTION(bm25_ngram_end);
VC_FUNCTION(bm25_ngram_types);

#define CJK_GRAM  2
#define WORD_GRAM 3

/* token types; 0 is the end of the text */
#define TYPE_WORD 1
#define TYPE_CJK  2
#define TYPE_GRAM 3

typedef enum CharClass
{
	CHAR_OTHER,
	CHAR_WORD,
	CHAR_JOINER, /* goes on with a word, but does not make one */
	CHAR_CJK
} CharClass;

/* What is written without blanks, or, as Korean, bigrams serve better than words. */
static const Bm25CharRange cjk_ranges[] = {
	{0x1100, 0x11FF},   /* Hangul Jamo */
	{0x3005, 0x3007},   /* iteration mark, closing mark, zero */
	{0x3021, 0x3029},   /* Hangzhou numerals */
	{0x3031, 0x3035},   /* kana repeat marks */
	{0x3038, 0x303C},   /* numerals, masu mark */
	{0x3041, 0x309F},   /* Hiragana */
	{0x30A1, 0x30FA},   /* Katakana */
	{0x30FC, 0x30FF},   /* prolonged sound mark, iteration marks */
	{0x3105, 0x318E},   /* Bopomofo, Hangul compatibility Jamo */
	{0x31A0, 0x31BF},   /* Bopomofo extended */
	{0x31F0, 0x31FF},   /* Katakana phonetic extensions */
	{0x3400, 0x4DBF},   /* Han, extension A */
	{0x4E00, 0x9FFF},   /* Han */
	{0xA960, 0xA97C},   /* Hangul Jamo extended A */
	{0xAC00, 0xD7FB},   /* Hangul syllables, Jamo extended B */
	{0xF900, 0xFAD9},   /* Han compatibility */
	{0xFF66, 0xFF9F},   /* half-width Katakana */
	{0xFFA0, 0xFFDC},   /* half-width Hangul */
	{0x1AFF0, 0x1B16F}, /* kana extended and supplement */
	{0x20000, 0x3FFFD}, /* Han, extensions B onward */
};

typedef struct NgramParser
{
	char *at; /* of the next character */
	char *end;
	int encoding;   /* of the text here: PG_UTF8, or PG_SQL_ASCII */
	bool converted; /* tokens have to be converted back */
	bool cut_words; /* the trigram parser */
	/* the run that n-grams are being cut from */
	char *gram;     /* start of the next n-gram; NULL: none left */
	char *gram_end; /* its end */
	char *run_end;  /* end of the run */
	int32 gram_type;
} NgramParser;

/*----- characters -----*/

static bool
in_ranges(uint32 c, const Bm25CharRange *ranges, int n)
{
	int low = 0;
	int high = n;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (c > ranges[middle].last)
			low = middle + 1;
		else if (c < ranges[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

static CharClass
classify(uint32 c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
				   ? CHAR_WORD
				   : CHAR_OTHER;
	/* zero width non-joiner and joiner: inside words of Persian and Indian scripts; soft hyphen */
	if (c == 0x200C || c == 0x200D || c == 0xAD)
		return CHAR_JOINER;
	if (c >= cjk_ranges[0].first && in_ranges(c, cjk_ranges, lengthof(cjk_ranges)))
		return CHAR_CJK;
	return in_ranges(c, bm25_word_ranges, lengthof(bm25_word_ranges)) ? CHAR_WORD : CHAR_OTHER;
}

/* Bytes of the character at p, which is before the end of the text. */
static inline int
char_bytes(const NgramParser *parser, const char *p)
{
	int n = parser->encoding == PG_UTF8 ? pg_utf_mblen((const unsigned char *) p) : 1;

	return Min(n, (int) (parser->end - p));
}

static inline CharClass
class_at(const NgramParser *parser, const char *p)
{
	unsigned char byte = (unsigned char) *p;

	if (byte < 0x80)
		return classify(byte);
	if (parser->encoding != PG_UTF8)
		return CHAR_WORD;
	if (parser->end - p < pg_utf_mblen((const unsigned char *) p))
		return CHAR_OTHER;
	return classify((uint32) utf8_to_unicode((const unsigned char *) p));
}

/*----- parser -----*/

static Datum
start(char *text, int len, bool cut_words)
{
	NgramParser *parser = palloc0(sizeof(NgramParser));

	parser->cut_words = cut_words;
	parser->encoding = GetDatabaseEncoding();
	if (parser->encoding != PG_UTF8 && parser->encoding != PG_SQL_ASCII)
	{
		char *utf8 = pg_server_to_any(text, len, PG_UTF8);

		/* the very same string if there was nothing to convert, as when it is empty */
		if (utf8 != text)
		{
			text = utf8;
			len = (int) strlen(utf8);
			parser->converted = true;
		}
		parser->encoding = PG_UTF8;
	}
	parser->at = text;
	parser->end = text + len;
	return PointerGetDatum(parser);
}

Datum
bm25_ngram_start(PG_FUNCTION_ARGS)
{
	return start((char *) PG_GETARG_POINTER(0), PG_GETARG_INT32(1), false);
}

Datum
bm25_trigram_start(PG_FUNCTION_ARGS)
{
	return start((char *) PG_GETARG_POINTER(0), PG_GETARG_INT32(1), true);
}

/* Where the run of `class` that begins at p ends; *ret_chars: its characters. */
static char *
run_end(const NgramParser *parser, char *p, CharClass class, int *ret_chars)
{
	int n = 0;

	while (p < parser->end)
	{
		CharClass other = class_at(parser, p);

		if (other != class && !(class == CHAR_WORD && other == CHAR_JOINER))
			break;
		p += char_bytes(parser, p);
		n++;
	}
	*ret_chars = n;
	return p;
}

/* The next token: from *ret_token to *ret_end, in the text that is parsed. */
static int32
next_token(NgramParser *parser, char **ret_token, char **ret_end)
{
	CharClass class = CHAR_OTHER;
	int chars;
	int gram;
	char *begin;

	if (parser->gram != NULL)
	{
		*ret_token = parser->gram;
		*ret_end = parser->gram_end;
		if (parser->gram_end == parser->run_end)
			parser->gram = NULL;
		else
		{
			parser->gram += char_bytes(parser, parser->gram);
			parser->gram_end += char_bytes(parser, parser->gram_end);
		}
		return parser->gram_type;
	}
	for (; parser->at < parser->end; parser->at += char_bytes(parser, parser->at))
	{
		class = class_at(parser, parser->at);
		if (class == CHAR_WORD || class == CHAR_CJK)
			break;
	}
	if (parser->at >= parser->end)
		return 0;
	begin = parser->at;
	parser->at = run_end(parser, begin, class, &chars);
	gram = class == CHAR_CJK ? CJK_GRAM : WORD_GRAM;
	if ((class == CHAR_CJK || parser->cut_words) && chars > gram)
	{
		parser->gram = begin;
		parser->gram_end = begin;
		for (int i = 0; i < gram; i++)
			parser->gram_end += char_bytes(parser, parser->gram_end);
		parser->run_end = parser->at;
		parser->gram_type = class == CHAR_CJK ? TYPE_CJK : TYPE_GRAM;
		return next_token(parser, ret_token, ret_end);
	}
	*ret_token = begin;
	*ret_end = parser->at;
	return class == CHAR_CJK ? TYPE_CJK : TYPE_WORD;
}

Datum
bm25_ngram_token(PG_FUNCTION_ARGS)
{
	NgramParser *parser = (NgramParser *) PG_GETARG_POINTER(0);
	char **ret_token = (char **) PG_GETARG_POINTER(1);
	int *ret_len = (int *) PG_GETARG_POINTER(2);
	char *token = parser->end;
	char *end = parser->end;
	int32 type = next_token(parser, &token, &end);

	*ret_token = token;
	*ret_len = (int) (end - token);
	if (type != 0 && parser->converted)
	{
		/* terminated, because the conversion may hand back its argument */
		char *back = pg_any_to_server(pnstrdup(token, end - token), *ret_len, PG_UTF8);

		*ret_token = back;
		*ret_len = (int) strlen(back);
	}
	PG_RETURN_INT32(type);
}

Datum
bm25_ngram_end(PG_FUNCTION_ARGS)
{
	pfree(PG_GETARG_POINTER(0));
	PG_RETURN_VOID();
}

Datum
bm25_ngram_types(PG_FUNCTION_ARGS pg_attribute_unused())
{
	static const struct
	{
		int id;
		const char *alias;
		const char *description;
	} types[] = {
		{TYPE_WORD, "word", "Word of letters and digits"},
		{TYPE_CJK, "cjk", "Bigram of Chinese, Japanese or Korean"},
		{TYPE_GRAM, "gram", "Trigram of a word"},
	};
	LexDescr *descriptions = palloc0((lengthof(types) + 1) * sizeof(LexDescr));

	for (int i = 0; i < (int) lengthof(types); i++)
	{
		descriptions[i].lexid = types[i].id;
		descriptions[i].alias = pstrdup(types[i].alias);
		descriptions[i].descr = pstrdup(types[i].description);
	}
	PG_RETURN_POINTER(descriptions);
}
