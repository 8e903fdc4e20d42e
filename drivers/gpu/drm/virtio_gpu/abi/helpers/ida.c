// SPDX-License-Identifier: GPL-2.0
/*
 * IDA inlines as functions, for abi/ida.
 */

#include "ida.h"

void abi_helper_ida_init(struct ida *ida)
{
	ida_init(ida);
}
