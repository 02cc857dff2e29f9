/*
 * tests/fuzz/probe.cc
 *		Nothing to fuzz: linked at configuration, to see whether libFuzzer is there.
 */
#include <cstddef>
#include <cstdint>

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t *, std::size_t)
{
	return 0;
}
