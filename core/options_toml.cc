/*
 * core/options_toml.cc
 *		toml++ behind a C face (core/options_toml.h).
 *
 * The only C++ of the tree, compiled without exceptions and RTTI.  All C++ objects live inside
 * vc_toml_parse(); the visitor it calls returns and never raises a PostgreSQL error, so their
 * destructors always run.
 *
 * Two things would end the process from inside toml++: an allocation that fails, and what it asserts
 * or takes for unreachable, which a document can get to (3.3: "[=", or a bare U+00E9).  Both leave by
 * longjmp to vc_toml_parse(), over C++ frames whose destructors do not run.  What they own is memory
 * only, and all of it comes from the operator new of this file, which keeps the blocks of a parse in a
 * list; they are freed there.
 * These operators are private to the module: mimalloc, which it links for its mi_* functions, exports
 * operator new and delete too, and which library's a process would bind depends on what it has loaded.
 *
 * State: the static `rescue` is set within vc_toml_parse() only.  One thread parses at a time, the
 * backend's.
 */
#undef NDEBUG /* toml++ would turn its assertions into assumptions, that is, undefined behaviour */

#include "core/options_toml.h"

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

namespace
{

/* right ahead of each allocation */
struct alignas(16) Block
{
	Block *next;
	Block *prev;
	void *base; /* what malloc gave */
};

enum Escape
{
	ESCAPE_ASSERTION = 1,
	ESCAPE_MEMORY
};

struct Rescue
{
	Block blocks; /* head of a ring */
	std::jmp_buf place;
};

Rescue *rescue = nullptr;

[[noreturn]] void
escape(Escape why)
{
	if (rescue == nullptr)
		std::abort();
	std::longjmp(rescue->place, why);
}

void *
take(std::size_t size, std::size_t align = alignof(Block))
{
	std::size_t room = sizeof(Block) + align;
	char *base = size < SIZE_MAX - room ? static_cast<char *>(std::malloc(room + size)) : nullptr;
	std::uintptr_t place = reinterpret_cast<std::uintptr_t>(base) + room;
	Block *block;

	if (base == nullptr)
		escape(ESCAPE_MEMORY);
	block = reinterpret_cast<Block *>(place / align * align) - 1;
	block->base = base;
	if (rescue != nullptr)
	{
		block->next = rescue->blocks.next;
		block->prev = &rescue->blocks;
		block->next->prev = block;
		rescue->blocks.next = block;
	}
	else
		block->next = block->prev = block;
	return block + 1;
}

void
give(void *p)
{
	if (p != nullptr)
	{
		Block *block = static_cast<Block *>(p) - 1;

		block->next->prev = block->prev;
		block->prev->next = block->next;
		std::free(block->base);
	}
}

} // namespace

void *
operator new(std::size_t size)
{
	return take(size);
}

void *
operator new[](std::size_t size)
{
	return take(size);
}

void
operator delete(void *p) noexcept
{
	give(p);
}

void
operator delete[](void *p) noexcept
{
	give(p);
}

void
operator delete(void *p, std::size_t) noexcept
{
	give(p);
}

void
operator delete[](void *p, std::size_t) noexcept
{
	give(p);
}

void *
operator new[](std::size_t size, const std::nothrow_t &) noexcept
{
	return take(size);
}

void *
operator new(std::size_t size, std::align_val_t align)
{
	return take(size, std::max(static_cast<std::size_t>(align), alignof(Block)));
}

void
operator delete(void *p, std::align_val_t) noexcept
{
	give(p);
}

void
operator delete(void *p, std::size_t, std::align_val_t) noexcept
{
	give(p);
}

#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : escape(ESCAPE_ASSERTION))

/* renamed in 3.4 */
#if __has_include(<toml++/impl/preprocessor.hpp>)
#include <toml++/impl/preprocessor.hpp>
#else
#include <toml++/impl/preprocessor.h>
#endif
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE escape(ESCAPE_ASSERTION)
#undef TOML_ASSUME
#define TOML_ASSUME(expr) TOML_ASSERT(expr)

#include <toml++/toml.h>

namespace
{

struct Walk
{
	VcTomlVisitor visit;
	void *arg;
};

void
copy_text(char *to, size_t size, std::string_view text)
{
	size_t n = text.size() < size - 1 ? text.size() : size - 1;

	/* The text may quote the document, which need not be in the server's encoding: ASCII only. */
	for (size_t i = 0; i < n; i++)
	{
		unsigned char c = static_cast<unsigned char>(text[i]);

		to[i] = c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?';
	}
	to[n] = '\0';
}

bool
is_bare(std::string_view key)
{
	for (char c : key)
	{
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '_' || c == '-'))
			return false;
	}
	return !key.empty();
}

/* A quoted key stays quoted in the path, so that "a.b" = 1 is never taken for a.b = 1. */
std::string
join(const std::string &parent, std::string_view key)
{
	std::string path = parent;

	if (!path.empty())
		path += '.';
	if (is_bare(key))
		path += key;
	else
	{
		path += '"';
		path += key;
		path += '"';
	}
	return path;
}

bool visit_node(const Walk &walk, const std::string &path, const toml::node &node,
				toml::source_position at, int element, int depth);

bool
visit_table(const Walk &walk, const std::string &parent, const toml::table &table, int depth)
{
	for (auto &&[key, node] : table)
	{
		if (!visit_node(walk, join(parent, key.str()), node, key.source().begin, -1, depth))
			return false;
	}
	return true;
}

bool
visit_node(const Walk &walk, const std::string &path, const toml::node &node,
		   toml::source_position at, int element, int depth)
{
	char key[VC_TOML_MAX_KEY];
	VcTomlItem item;

	copy_text(key, sizeof(key), path);
	std::memset(&item, 0, sizeof(item));
	item.path = key;
	item.type = VC_TOML_OTHER;
	item.element = element;
	item.depth = depth;
	item.line = static_cast<int>(at.line);
	item.column = static_cast<int>(at.column);

	if (auto b = node.as_boolean())
	{
		item.type = VC_TOML_BOOL;
		item.boolean = b->get();
	}
	else if (auto i = node.as_integer())
	{
		item.type = VC_TOML_INT;
		item.integer = i->get();
	}
	else if (auto r = node.as_floating_point())
	{
		item.type = VC_TOML_REAL;
		item.real = r->get();
	}
	else if (auto s = node.as_string())
	{
		item.type = VC_TOML_STRING;
		item.string = s->get().data();
		item.string_len = s->get().size();
	}
	else if (auto t = node.as_table())
	{
		item.type = VC_TOML_TABLE;
		item.members = t->size();
	}
	else if (auto a = node.as_array())
	{
		item.type = VC_TOML_ARRAY;
		item.members = a->size();
	}

	if (!walk.visit(walk.arg, &item))
		return false;
	if (auto t = node.as_table())
		return visit_table(walk, path, *t, depth);
	if (auto a = node.as_array())
	{
		int n = 0;

		for (const toml::node &child : *a)
		{
			if (!visit_node(walk, path, child, child.source().begin, n++, depth + 1))
				return false;
		}
	}
	return true;
}

/*
 * Where nesting goes beyond the limit, or nullptr.  Follows TOML's lexical rules as far as strings and
 * comments go; where the text breaks them the parser stops at the same place with an error, so it
 * never sees more depth than was counted here.
 */
const char *
find_too_deep(const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;
	int brackets = 0;
	int dots = 0;

	while (p < end)
	{
		char c = *p;

		switch (c)
		{
			case '#':
				while (p < end && *p != '\n')
					p++;
				continue;
			case '"':
			case '\'':
			{
				bool multi = end - p >= 3 && p[1] == c && p[2] == c;

				p += multi ? 3 : 1;
				while (p < end)
				{
					if (c == '"' && *p == '\\' && end - p >= 2)
					{
						p += 2;
						continue;
					}
					if (!multi && (*p == c || *p == '\n'))
						break;
					if (multi && *p == c && end - p >= 3 && p[1] == c && p[2] == c)
					{
						/* one or two quotes may stand before the closing three */
						p += 2;
						for (int extra = 0; extra < 2 && end - p >= 2 && p[1] == c; extra++)
							p++;
						break;
					}
					p++;
				}
				break;
			}
			case '[':
			case '{':
				dots = 0;
				if (++brackets > VC_TOML_MAX_DEPTH)
					return p;
				break;
			case ']':
			case '}':
				dots = 0;
				if (brackets > 0)
					brackets--;
				break;
			case '.':
				if (++dots > VC_TOML_MAX_DEPTH)
					return p;
				break;
			case '=':
			case ',':
			case '\n':
				dots = 0;
				break;
			default:
				break;
		}
		p++;
	}
	return nullptr;
}

/* What vc_toml_parse() guards; may be left by escape(). */
VcTomlResult
parse(const char *text, size_t len, const Walk &walk, VcTomlError *ret_error)
{
	toml::parse_result result = toml::parse(std::string_view(text, len));

	if (!result)
	{
		const toml::parse_error &error = result.error();

		ret_error->line = static_cast<int>(error.source().begin.line);
		ret_error->column = static_cast<int>(error.source().begin.column);
		copy_text(ret_error->message, sizeof(ret_error->message), error.description());
		return VC_TOML_SYNTAX;
	}
	return visit_table(walk, std::string(), result.table(), 0) ? VC_TOML_OK : VC_TOML_STOPPED;
}

} // namespace

extern "C" VcTomlResult
vc_toml_parse(const char *text, size_t len, VcTomlVisitor visit, void *arg, VcTomlError *ret_error)
{
	Rescue here;
	VcTomlResult result;
	int why;

	if (len > VC_TOML_MAX_BYTES)
		return VC_TOML_TOO_LONG;

	if (const char *deep = find_too_deep(text, len))
	{
		const char *line = text;

		ret_error->line = 1;
		for (const char *p = text; p < deep; p++)
		{
			if (*p == '\n')
			{
				ret_error->line++;
				line = p + 1;
			}
		}
		ret_error->column = static_cast<int>(deep - line) + 1;
		std::snprintf(ret_error->message, sizeof(ret_error->message),
					  "nested more than %d levels deep", VC_TOML_MAX_DEPTH);
		return VC_TOML_TOO_DEEP;
	}

	here.blocks.next = here.blocks.prev = &here.blocks;
	why = setjmp(here.place);
	if (why == 0)
	{
		rescue = &here;
		result = parse(text, len, Walk{visit, arg}, ret_error);
		rescue = nullptr;
		return result;
	}

	rescue = nullptr;
	while (here.blocks.next != &here.blocks)
		give(here.blocks.next + 1);
	if (why == ESCAPE_MEMORY)
		return VC_TOML_NO_MEMORY;
	ret_error->line = 0;
	ret_error->column = 0;
	std::snprintf(ret_error->message, sizeof(ret_error->message), "not a TOML document");
	return VC_TOML_SYNTAX;
}
